"""Gradient descent: the smallest example, f(x) = x² from x = 5.

Shows `init`, `update` and `apply_updates` one call at a time, without jit. A step of
rate 0.1 takes x to x − 0.1·2x = 0.8x, so after t steps x is 5·0.8ᵗ. Ends with status
1 if the relative error is ever above 1e-5.

    python examples/gradient_descent.py
"""

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
TOLERANCE = 1e-5


def f(x: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """The function to minimize."""
    return x**2


def descend() -> np.ndarray:
    """The values of x: the first, and that after each step."""
    tx = adamx.sgd(RATE)
    x = jnp.array(START)
    state = tx.init(x)
    path = [x]
    for _ in range(STEPS):
        gradient = jax.grad(f)(x)
        updates, state = tx.update(gradient, state, x)
        x = adamx.apply_updates(x, updates)
        path.append(x)
    return np.array(path)


def plot(path: np.ndarray, exact: np.ndarray, file: Path) -> None:
    """Draw the path down the parabola, and how fast it nears the minimum."""
    curve = np.linspace(-2, 5.5, 200)
    with picture(file, panels=2) as (left, right):
        left.plot(curve, f(curve), color="gray", label="f(x) = x²")
        left.plot(path, f(path), "o", color="C1", label="x after each step")
        for step, x in enumerate(path[:6]):
            left.annotate(
                f"step {step}",
                (x, f(x)),
                (-8, 3),
                textcoords="offset points",
                ha="right",
            )
        left.set_title(f"{adamx.sgd(RATE)} down the parabola")
        left.set_xlabel("x")
        left.set_ylabel("f(x)")
        left.legend(loc="upper center")

        right.semilogy(exact, color="gray", label="5 · 0.8ᵗ")
        right.semilogy(path, "o", color="C1", markersize=4, markevery=4, label="x")
        right.set_title("Every step takes off a fifth")
        right.set_xlabel("step t")
        right.set_ylabel("distance from the minimum")
        right.legend()


def main(argv: Sequence[str] | None = None) -> int:
    """Descend, compare with the closed form, save the picture."""
    args = parser(__doc__).parse_args(argv)
    path = descend()
    exact = START * 0.8 ** np.arange(STEPS + 1)

    for step in (0, 1, 2, 3, 5, 10, 20, 50, STEPS):
        print(f"step {step:3}  x = {path[step]:.6e}  5·0.8ᵗ = {exact[step]:.6e}")
    error = np.max(np.abs(path / exact - 1))
    print(f"largest relative error: {error:.1e}")
    plot(path, exact, args.output / "gradient_descent.png")
    return 0 if error <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
