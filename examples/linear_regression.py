"""Linear regression: Adam on y = 2.5x + noise, checked against plain NumPy.

Fits a line with 1,000 steps of Adam on the whole data, compiled as one `lax.scan`,
and repeats them with the algorithm as its paper has it, in NumPy and float64. Ends
with status 1 if the weights ever differ by more than 1e-6.

    python examples/linear_regression.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from common import parser, picture

import adamx

SLOPE = 2.5
LEARNING_RATE = 0.001
STEPS = 1000
TOLERANCE = 1e-6


def make_data() -> tuple[np.ndarray, np.ndarray]:
    """A hundred points around the line, always the same."""
    np.random.seed(42)
    x = np.random.rand(100, 1) * 10
    noise = np.random.randn(100, 1)
    return x, SLOPE * x + noise


def mean_squared_error(
    params: dict[str, jax.Array], x: jax.Array, y: jax.Array
) -> jax.Array:
    """How far the line is from the points."""
    return jnp.mean((params["weight"] * x + params["bias"] - y) ** 2)


@jax.jit
def fit(x: jax.Array, y: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
    """Weight, bias and loss after each step."""
    tx = adamx.adam(LEARNING_RATE)

    def step(carry, _):
        params, state = carry
        grads = jax.grad(mean_squared_error)(params, x, y)
        updates, state = tx.update(grads, state, params)
        params = adamx.apply_updates(params, updates)
        return (params, state), (params, mean_squared_error(params, x, y))

    params = {"weight": jnp.zeros(()), "bias": jnp.zeros(())}
    _, history = jax.lax.scan(step, (params, tx.init(params)), length=STEPS)
    return history


def fit_numpy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weight and bias after each step, by algorithm 1 of arXiv:1412.6980."""
    b1, b2, eps = 0.9, 0.999, 1e-8
    params, m, v = np.zeros((3, 2))
    path = np.empty((STEPS, 2))
    for t in range(1, STEPS + 1):
        error = params[0] * x + params[1] - y
        grads = np.array([np.mean(2 * error * x), np.mean(2 * error)])
        m = b1 * m + (1 - b1) * grads
        v = b2 * v + (1 - b2) * grads**2
        m_hat = m / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        params = params - LEARNING_RATE * m_hat / (np.sqrt(v_hat) + eps)
        path[t - 1] = params
    return path


def plot(x: np.ndarray, y: np.ndarray, line: np.ndarray, path: Path) -> None:
    """Draw the points, the line they come from and the fitted one."""
    weight, bias = line
    ends = np.array([0.0, 10.0])
    with picture(path) as (axes,):
        axes.scatter(x, y, s=18, alpha=0.6, label="data")
        axes.plot(ends, SLOPE * ends, "--", color="gray", label=f"y = {SLOPE}x")
        label = f"Adam, {STEPS:,} steps: y = {weight:.2f}x + {bias:.2f}"
        axes.plot(ends, weight * ends + bias, color="C1", label=label)
        axes.set_title(f"A line on its way: Adam at learning rate {LEARNING_RATE}")
        axes.set_xlabel("x")
        axes.set_ylabel("y")
        axes.legend()


def main(argv: Sequence[str] | None = None) -> int:
    """Fit twice, print the losses and the difference, save the picture."""
    args = parser(__doc__).parse_args(argv)
    x, y = make_data()
    params, losses = fit(jnp.asarray(x), jnp.asarray(y))
    path = np.stack([params["weight"], params["bias"]], axis=1)

    for step in range(100, STEPS + 1, 100):
        print(f"step {step:4}  loss {losses[step - 1]:9.4f}")
    print(f"y = {path[-1, 0]:.4f}x + {path[-1, 1]:.4f}")
    print(
        f"As expected, this is not yet y = {SLOPE}x: a step of Adam is about the\n"
        f"learning rate long, so {STEPS:,} of them lead no further than about "
        f"{STEPS * LEARNING_RATE}."
    )
    difference = np.abs(path - fit_numpy(x, y)).max()
    print(f"largest difference from NumPy in any step: {difference:.1e}")
    plot(x, y, path[-1], args.output / "linear_regression.png")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
