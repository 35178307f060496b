"""Gradient descent: the smallest example, f(x) = x² from x = 5, step by step.

Shows `init`, `update` and `apply_updates` one call at a time, without jit. A step of
rate 0.1 takes x to x − 0.1·2x = 0.8x, so after t steps x is 5·0.8ᵗ. The picture has
other rates beside it. The status is 1 if the relative error is ever above 1e-5.

    python examples/gradient_descent.py
"""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from common import parser, picture

import adamx

START = 5.0
RATE = 0.1
STEPS = 100
RATES = {
    RATE: "converges",
    0.01: "slow",
    0.9: "overshoots",
    1.01: "diverges",
}
TOLERANCE = 1e-5


def f(x: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Return the value of the function to minimize."""
    return x**2


def descend(rate: float) -> np.ndarray:
    """Return a row for each step: x, its gradient, and the update."""
    tx = adamx.sgd(rate)
    x = jnp.array(START)
    state = tx.init(x)
    rows = []
    for _ in range(STEPS + 1):
        gradient = jax.grad(f)(x)
        update, state = tx.update(gradient, state, x)
        rows.append((x, gradient, update))
        x = adamx.apply_updates(x, update)
    return np.array(rows)


def plot(paths: dict[float, np.ndarray], file: Path) -> None:
    """Draw the path down the parabola, and 30 steps of each rate."""
    curve = np.linspace(-2, 5.5, 200)
    with picture(file, panels=2) as (left, right):
        path = paths[RATE]
        left.plot(curve, f(curve), color="gray", label="f(x) = x²")
        left.plot(path, f(path), "o", color="C1", label="x after each step")
        for step, (x, end) in enumerate(itertools.islice(itertools.pairwise(path), 6)):
            left.annotate("", (end, f(end)), (x, f(x)), arrowprops={"arrowstyle": "->"})
            left.annotate(
                f"step {step}",
                (x, f(x)),
                (-8, 3),
                textcoords="offset points",
                ha="right",
            )
        left.set(title=f"sgd({RATE}) down the parabola", xlabel="x", ylabel="f(x)")
        left.legend(loc="upper center")

        for rate, path in paths.items():
            right.plot(path[:31], ".-", lw=1, label=f"{rate}: {RATES[rate]}")
        right.set(title="What the rate decides", xlabel="step", ylabel="x")
        right.set_ylim(-10, 14)
        right.legend(title="learning rate", loc="upper left", ncols=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Descend, print the path beside the closed form, and save the picture."""
    args = parser(__doc__).parse_args(argv)
    rows = descend(RATE)
    exact = START * 0.8 ** np.arange(STEPS + 1)

    print(f"{adamx.sgd(RATE)} from x = {START}")
    print(f"{'step':>4}{'x':>14}{'gradient':>14}{'update':>14}{'5·0.8ᵗ':>14}")
    for step in (*range(10), 10, 20, 50, STEPS):
        numbers = "".join(f"{n:14.6g}" for n in (*rows[step], exact[step]))
        print(f"{step:4}{numbers}")
    error = np.max(np.abs(rows[:, 0] / exact - 1))
    print(f"largest relative error of x: {error:.1e}")
    plot(
        {rate: descend(rate)[:, 0] for rate in RATES},
        args.output / "gradient_descent.png",
    )
    return 0 if error <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
