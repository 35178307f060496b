"""Functions that read a state, by the name of a piece."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp

from adamx.errors import TransformError
from adamx.numerics.dtypes import cast, cast_saturating, compute_dtype
from adamx.tree.check import flatten_like
from adamx.tree.frozen_numbers import kept_numbers
from adamx.tree.paths import flatten
from adamx.types import Array, Params, State


def named(state: State, name: str) -> Iterator[dict[str, Any]]:
    """Yield the state of each piece of this name, at any depth."""
    if isinstance(state, dict):
        for key, value in state.items():
            if key == name and isinstance(value, dict):
                yield value
            yield from named(value, name)


def read_out(
    state: State,
    params: Params,
    piece: str,
    slot: str,
    function: Callable[[State, Array, Array], Array],
) -> Params:
    """Return `params`, mapped by `function` where `piece` keeps a slot.

    `function(state of the piece, parameter, slot)` gets both in the compute dtype.

    Raises:
        TransformError: the state has no piece of this name, or is of other parameters.
    """
    leaves, treedef = flatten(params)
    found = [*named(state, piece)]
    if not found:
        raise TransformError(
            f"there is no {piece!r} in the state",
            expected=f"the state of a transform with {piece} in it",
            got=sorted(state) if isinstance(state, dict) else type(state).__name__,
        )
    held = kept_numbers(state, params)
    for mine in found:
        kept = flatten_like(treedef, mine.get(slot), f"slot {slot!r}", params, piece)
        for i, (p, x) in enumerate(zip(leaves, kept, strict=True)):
            if p is not None and x is not None:
                p = jnp.asarray(p)
                wide = cast(p, compute_dtype(p.dtype))
                new = cast_saturating(function(mine, wide, x), p.dtype)
                leaves[i] = jnp.where(held[i], p, new) if i in held else new
    return treedef.unflatten(leaves)
