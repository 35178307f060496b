"""The end of a step: parameters plus updates."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.slips import slip_in_apply
from adamx.errors import TransformError
from adamx.execution.jit import compiled
from adamx.numerics.dtypes import cast, cast_saturating, compute_dtype
from adamx.tree.check import flatten_like
from adamx.tree.kinds import reports_absence, shown_value
from adamx.tree.paths import describe, flatten, key_paths
from adamx.types import Array, ParamsT, PyTree, Updates

FLOAT0 = jax.dtypes.float0


@reports_absence
def apply_updates(params: ParamsT, updates: Updates) -> ParamsT:
    """Add the updates to the parameters, leaf by leaf.

    θ ← θ + u

    Args:
        params: a tree of arrays.
        updates: a tree like it; None leaves a parameter unchanged.

    Returns:
        The new parameters, each in its own dtype: the sum is taken in at least float32
        and rounded once.

    Raises:
        TransformError: the trees or the shapes of two leaves differ.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> adamx.apply_updates({"w": jnp.array(1.0)}, {"w": jnp.array(0.5)})
        {'w': Array(1.5, dtype=float32)}
    """
    leaves, treedef = flatten(params)
    try:
        others: list[Any] = flatten_like(
            treedef, updates, "updates", params, than="params"
        )
    except TransformError as error:
        raise slip_in_apply(params, updates) or error from None
    for i, (p, u) in enumerate(zip(leaves, others, strict=True)):
        if p is None and u is not None:
            raise TransformError(
                "apply_updates: an update for a parameter that is None",
                where=key_paths(params)[i],
                expected="None",
                got=shown_value(u),
                hint="apply_updates(params, updates): are the two swapped?",
            )
    # Skip float0, because jax.grad returns it for integer parameters.
    others = [None if getattr(u, "dtype", 0) == FLOAT0 else u for u in others]
    there = fitting(leaves, others, params, "an update does not fit its parameter")
    try:
        sums = _add_all([leaves[i] for i in there], [others[i] for i in there])
    except TypeError:
        slip = slip_in_apply(params, updates)
        if slip is None:
            raise
        raise slip from None
    for i, total in zip(there, sums, strict=True):
        leaves[i] = total
    return treedef.unflatten(leaves)


def fitting(leaves: list[Any], others: list[Any], tree: PyTree, what: str) -> list[int]:
    """Return the positions where both lists have an array; their shapes must agree."""
    pairs = list(enumerate(zip(leaves, others, strict=True)))
    there = [i for i, (x, y) in pairs if x is not None and y is not None]
    for i in there:
        x, y = leaves[i], others[i]
        if getattr(x, "shape", ()) != getattr(y, "shape", ()):
            where = key_paths(tree)[i]
            raise TransformError(
                what, where=where, expected=describe(x), got=describe(y)
            )
    return there


@compiled
def _add_all(params: list[Array], updates: list[Array]) -> list[Array]:
    return list(map(_add, params, updates))


def _add(param: Array, update: Array) -> Array:
    wide = dtype = jnp.result_type(param)
    if jnp.issubdtype(dtype, jnp.inexact):
        wide = compute_dtype(dtype)
    total = jax.lax.add(cast(param, wide), cast(update, wide))
    return cast_saturating(total, dtype)
