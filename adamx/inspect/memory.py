"""The memory that a state takes."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.tree.paths import children
from adamx.types import PyTree, State


def state_bytes(state: State) -> dict[str, int]:
    """Count the bytes that the arrays of a state take, piece by piece.

    An array that is sharded over devices counts once, with all its shards.

    Args:
        state: of any transform, or a part of one; arrays, tracers or
            `jax.ShapeDtypeStruct`, as `jax.eval_shape(tx.init, params)` makes them.

    Returns:
        Bytes by the names at the root of `state`; their sum is that of the whole.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.trace(0.9), adamx.scale_by_momentum(0.5))
        >>> leaf = jax.ShapeDtypeStruct((1000, 1000), jnp.float32)
        >>> adamx.state_bytes(jax.eval_shape(tx.init, leaf))
        {'scale_by_momentum': 4000000, 'trace': 4000000}
    """
    parts = children(state, simple=True)
    if parts is None:
        parts = {"": state}
    return {name: total_bytes(part) for name, part in parts.items()}


def total_bytes(tree: PyTree) -> int:
    """Return the bytes that all arrays of a tree take."""
    return sum(map(_bytes, jax.tree.leaves(tree)))


def numbers(tree: PyTree) -> int:
    """Return how many numbers there are in all arrays of a tree."""
    return sum(map(_size, jax.tree.leaves(tree)))


def _bytes(x: Any) -> int:
    dtype = x.dtype if hasattr(x, "dtype") else jnp.result_type(x)
    return _size(x) * dtype.itemsize


def _size(x: Any) -> int:
    return x.size if hasattr(x, "size") else 1
