"""Parameters of awkward shapes, and the way to compare states."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import adamx
from adamx.testing.compare import leaves


def params() -> dict[str, Any]:
    """A scalar, a matrix, nothing in it, and no parameter at all."""
    return {
        "scalar": jnp.array(0.5),
        "layer": {"w": jnp.arange(6.0).reshape(2, 3) - 2, "b": jnp.zeros(3)},
        "empty": jnp.zeros((0, 4)),
        "absent": None,
    }


def grads(like: Any, seed: int = 0) -> Any:
    """Normal numbers like a tree, in its dtypes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), like)


def assert_same_bits(a: Any, b: Any) -> None:
    """Require equal structure, dtypes and bits; random keys as their numbers."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (_, x), (_, y) in zip(leaves(a), leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


def run_with_loss(
    tx: Any, loss: Callable[[Any], Any], start: Any, steps: int
) -> tuple[Any, Any]:
    """The last parameters and state of a transform that evaluates the loss."""

    @jax.jit
    def step(params: Any, state: Any) -> tuple[Any, Any]:
        value, grad = jax.value_and_grad(loss)(params)
        updates, state = tx.update(
            grad, state, params, value=value, grad=grad, value_fn=loss
        )
        return adamx.apply_updates(params, updates), state

    state = tx.init(start)
    for _ in range(steps):
        start, state = step(start, state)
    return start, state


def run(tx: Any, start: Any, steps: int = 4) -> tuple[Any, Any]:
    """The last updates and state of a few steps on changing gradients."""
    state, updates = tx.init(start), None
    for seed in range(steps):
        updates, state = tx.update(grads(start, seed), state, start)
    return updates, state
