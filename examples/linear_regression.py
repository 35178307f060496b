"""Linear regression: why 1,000 steps of Adam at 0.001 end before the slope 2.5.

Fits y = w·x to points around y = 2.5x, without a bias, and prints the loss before each
hundredth step. A step of Adam is at most about the learning rate long, so the fit ends
early. A rate ten times as large gets there. Both runs, in float64, are repeated in
NumPy with the algorithm of the paper. The status is 1 if w ever differs by more than
1e-12.

    python examples/linear_regression.py
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from common import parser, picture

import adamx
from adamx.numerics.x64 import enable_x64

SLOPE = 2.5
RATE = 0.001
BETTER_RATE = 0.01
STEPS = 1000
TOLERANCE = 1e-12


def make_data() -> tuple[np.ndarray, np.ndarray]:
    """Return a hundred points around the line, always the same."""
    np.random.seed(42)
    x = np.random.rand(100, 1) * 10
    noise = np.random.randn(100, 1)
    return x, SLOPE * x + noise


def mean_squared_error(w: jax.Array, x: np.ndarray, y: np.ndarray) -> jax.Array:
    """Return the loss of the line y = w·x."""
    return jnp.mean((w * x - y) ** 2)


@partial(jax.jit, static_argnames="tx")
def fit(
    tx: adamx.Transform, x: np.ndarray, y: np.ndarray
) -> tuple[jax.Array, jax.Array]:
    """Return w after each step, and the loss before it."""

    def step(carry, _):
        w, state = carry
        loss, gradient = jax.value_and_grad(mean_squared_error)(w, x, y)
        updates, state = tx.update(gradient, state, w)
        w = adamx.apply_updates(w, updates)
        return (w, state), (w, loss)

    w = jnp.zeros(())
    _, history = jax.lax.scan(step, (w, tx.init(w)), length=STEPS)
    return history


def fit_numpy(rate: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return w after each step, by algorithm 1 of arXiv:1412.6980."""
    b1, b2, eps = 0.9, 0.999, 1e-8
    w = m = v = 0.0
    path = np.empty(STEPS)
    for t in range(1, STEPS + 1):
        gradient = np.mean(2 * (w * x - y) * x)
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        m_hat = m / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        w -= rate * m_hat / (np.sqrt(v_hat) + eps)
        path[t - 1] = w
    return path


def least_squares(x: np.ndarray, y: np.ndarray) -> float:
    """Return the w whose loss is least."""
    return float(np.sum(x * y) / np.sum(x * x))


def plot(
    x: np.ndarray, y: np.ndarray, paths: dict[float, np.ndarray], to: Path
) -> None:
    """Draw the fitted lines among the points, and w step by step."""
    ends = np.array([0.0, 10.0])
    count = np.arange(STEPS + 1)
    with picture(to, panels=2) as (left, right):
        left.scatter(x, y, s=18, alpha=0.5, color="gray", label="data: 2.5x + noise")
        right.axhline(SLOPE, color="gray", ls="--", label=f"the slope {SLOPE}")
        for color, (rate, path) in zip(("C1", "C0"), paths.items(), strict=True):
            line = f"adam({rate}): {path[-1]:.2f}x"
            left.plot(ends, path[-1] * ends, color=color, label=line)
            right.plot(count, [0.0, *path], color=color, label=f"adam({rate})")
            right.plot(count, count * rate, ":", color=color, label=f"{rate} · step")
        left.set(title=f"The lines after {STEPS:,} steps", xlabel="x", ylabel="y")
        right.set(title="How far w has come", xlabel="step", ylabel="w", ylim=(0, 3))
        left.legend()
        right.legend(loc="center right")


def main(argv: Sequence[str] | None = None) -> int:
    """Fit at both rates, print losses and slopes, and save the picture."""
    args = parser(__doc__).parse_args(argv)
    x, y = make_data()
    paths: dict[float, np.ndarray] = {}
    for rate in (RATE, BETTER_RATE):
        tx = adamx.adam(rate)
        # In float32, JAX's default, the fourth decimal of some losses differs.
        with enable_x64():
            w, losses = map(np.asarray, fit(tx, x, y))
        print(f"{tx}, from w = 0:")
        for step in range(100, STEPS + 1, 100):
            before, after = losses[step - 1], w[step - 1]
            print(f"  epoch {step:4}  loss {before:8.4f}  w = {after:.4f}")
        # A step of Adam is about the learning rate long, whatever the gradient is.
        longest = np.abs(np.diff(w, prepend=0.0)).max()
        reach = STEPS * longest
        print(
            f"  {'Enough' if reach > SLOPE else 'Not enough'} for w = {SLOPE}: the"
            f" longest step is {longest:.4f}, so {STEPS:,} lead no further than"
            f" {reach:.1f}."
        )
        paths[rate] = w

    best = least_squares(x, y)
    print(f"The loss is least at w = {best:.4f}: the noise moves it away from {SLOPE}.")
    error = max(np.abs(w - fit_numpy(rate, x, y)).max() for rate, w in paths.items())
    same = error <= TOLERANCE
    print(f"Adam in NumPy has {'the same' if same else 'another'} w at every step.")
    plot(x, y, paths, args.output / "linear_regression.png")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
