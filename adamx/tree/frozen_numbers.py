"""Frozen numbers inside a leaf: pieces get zeros for them; they are never updated."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from adamx.errors import TransformError
from adamx.tree.callables import is_function
from adamx.tree.leaves import is_array
from adamx.tree.paths import describe, flatten, key_paths, structure
from adamx.types import Array, Params, PyTree, State

Held: TypeAlias = dict[int, Array]
"""Masks by leaf index, in the shape of the leaf, true where a number is frozen."""


def is_mask(label: Any) -> bool:
    """Return whether a label is a mask of the numbers of a leaf."""
    return is_array(label) and label.ndim > 0


def held_numbers(labels: list[Any], params: Params, piece: str) -> Held:
    """Return the masks among the labels of a `freeze`.

    Raises:
        TransformError: a mask is not of bools, or not of the shape of its leaf.
    """
    leaves = flatten(params)[0]
    held = {}
    for i, (mask, leaf) in enumerate(zip(labels, leaves, strict=True)):
        if leaf is None or not is_mask(mask):
            continue
        if mask.dtype != jnp.bool_ or mask.shape != jnp.shape(leaf):
            raise TransformError(
                "a mask of numbers does not fit its parameter",
                where=key_paths(params)[i],
                piece=piece,
                expected=f"one bool, or bool{list(jnp.shape(leaf))}",
                got=describe(mask),
            )
        held[i] = jnp.asarray(mask)
    return held


def joined(held: Iterable[Held]) -> Held:
    """Return the union of several sets of masks."""
    whole: Held = {}
    for masks in held:
        for i, mask in masks.items():
            whole[i] = whole[i] | mask if i in whole else mask
    return whole


def zero_numbers(tree: PyTree, held: Held) -> PyTree:
    """Return `tree` with zeros for frozen numbers."""
    if not held:
        return tree
    leaves, treedef = flatten(tree)
    for i, mask in held.items():
        x = leaves[i]
        # Abstract parameters have no numbers, and a gradient of float0 is zero.
        if x is None or isinstance(x, jax.ShapeDtypeStruct) or _is_float0(x):
            continue
        leaves[i] = jnp.where(mask, jnp.zeros((), jnp.result_type(x)), x)
    return treedef.unflatten(leaves)


def _is_float0(x: Any) -> bool:
    return getattr(x, "dtype", None) == jax.dtypes.float0


def without_numbers(
    extra: Mapping[str, Any], params: Params | None, held: Held
) -> dict[str, Any]:
    """Return the extra arguments for the pieces, with zeros for frozen numbers.

    Trees like the parameters get zeros. A function of the parameters is called with the
    true values of frozen numbers.
    """
    if params is None:
        return dict(extra)
    whole, treedef = flatten(params)

    def is_like(tree: Any) -> bool:
        if structure(tree) != treedef:
            return False
        leaves = flatten(tree)[0]
        return all(jnp.shape(leaves[i]) == mask.shape for i, mask in held.items())

    def seen(x: Any) -> Any:
        if is_function(x, params):
            return of_all(x)
        return zero_numbers(x, held) if is_like(x) else x

    def of_all(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(some: Any, *args: Any, **kwargs: Any) -> Any:
            if is_like(some):
                leaves = flatten(some)[0]
                for i, mask in held.items():
                    leaves[i] = jnp.where(mask, whole[i], leaves[i])
                some = treedef.unflatten(leaves)
            return seen(function(some, *args, **kwargs))

        return call

    return {name: seen(x) for name, x in extra.items()}


def begin(params: Params, held: Held, piece: str) -> dict[str, Any]:
    """Return the state of a `freeze`: its masks.

    Functions such as `read_out` need them, because an average of the parameters has
    zeros for frozen numbers.
    """
    if not held:
        return {}
    leaves, treedef = flatten(params)
    masks: list[Any] = [None] * len(leaves)
    for i, mask in held.items():
        masks[i] = mask | _false_like(leaves[i])
    return {piece: {FROZEN: treedef.unflatten(masks)}}


def _false_like(x: Any) -> Array:
    """Return False for each number of `x`, sharded as `x`."""
    if isinstance(x, jax.ShapeDtypeStruct):
        return jnp.zeros(x.shape, bool, device=x.sharding)
    return jnp.zeros_like(x, bool)


FROZEN = "frozen"


def kept_numbers(state: State, params: Params) -> Held:
    """Return the masks in a state of these parameters."""
    leaves, treedef = flatten(params)

    def found(state: Any) -> Iterator[Held]:
        if not isinstance(state, dict):
            return
        masks = state.get(FROZEN)
        if state.keys() == {FROZEN} and structure(masks) == treedef:
            pairs = enumerate(zip(flatten(masks)[0], leaves, strict=True))
            yield {i: m for i, (m, p) in pairs if _is_mask_of(m, p)}
        for part in state.values():
            yield from found(part)

    return joined(found(state))


def _is_mask_of(mask: Any, param: Any) -> bool:
    return is_mask(mask) and mask.shape == jnp.shape(param)
