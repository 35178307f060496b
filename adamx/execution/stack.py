"""A step for several leaves of one kind, stacked to one array."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.rule import Stacked
from adamx.types import Array


def stacked(one: Callable[..., Any], how: Stacked) -> Callable[..., Any]:
    """Return a function that stacks lists, one entry per leaf, and calls `one`."""

    def together(
        numbers: list[Any], shared: Any, after: Array | None, *leaves: list[Any]
    ) -> list[tuple[Array, Any]]:
        number, gradients = len(leaves[0]), leaves[1]
        known = _total(gradients[0] if after is None else after)
        step = functools.partial(one, numbers, shared)
        if how == "loop":
            each = functools.partial(_in_turn, step, number)
        else:
            each = jax.vmap(step)
        places = [*_places(number, known)]
        fill = known if how == "loop" and after is not None else None
        stack = functools.partial(_stack, places, fill)
        stacks = [jax.tree.map(stack, *rows) for rows in leaves]
        return _unstacked(each(*stacks), places)

    return together


def _total(x: Array) -> Array:
    return _of_all(jnp.sum(jax.lax.stop_gradient(x).real))


@jax.custom_batching.custom_vmap
def _of_all(x: Array) -> Array:
    """Return `x`; under vmap the sum over the batch, so that places have no batch."""
    return x


@_of_all.def_vmap
def _(size: int, batched: list[bool], x: Array) -> tuple[Array, bool]:
    return _of_all(jnp.sum(x, 0)), False


def _in_turn(
    step: Callable[..., Any], number: int, own: Any, g: Array, slots: Any, param: Any
) -> Any:
    """Take the step of each leaf in a stack, one after the other, in place.

    This needs the memory of the stack once, and of the step of one leaf.
    """

    def put(stack: Array, x: Array, i: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(stack, x, i, 0)

    def one(i: Array, stacks: tuple[Array, Any]) -> tuple[Array, Any]:
        def at(tree: Any) -> Any:
            return jax.tree.map(lambda x: jnp.squeeze(_at(x, i), 0), tree)

        g, slots = stacks
        made = step(at(own), at(g), at(slots), at(param))
        return jax.tree.map(lambda x, y: put(x, y, i), stacks, made)

    return jax.lax.fori_loop(0, number, one, (g, slots))


def _at(x: Array, i: Array) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, i, 1)


def _stack(places: list[Array], fill: Array | None, *arrays: Array) -> Array:
    """Stack arrays; if `fill` is given, wait until it is computed.

    The arrays are written one after the other, so that XLA needs no temporaries. The
    stack is filled with `fill` first and then overwritten, because XLA removes every
    other kind of dependence; `tests/execution/test_stacked.py` measures the memory.
    """
    # Under `jax.disable_jit`, the leaf numbers for random keys are Python integers.
    first = jnp.asarray(arrays[0])
    if not jnp.issubdtype(first.dtype, jnp.inexact):
        return jnp.stack(arrays)
    fill = jnp.asarray(0 if fill is None else fill).astype(first.dtype)
    stack = jnp.broadcast_to(fill, (len(arrays), *first.shape))
    for at, x in zip(places, arrays, strict=True):
        stack = jax.lax.dynamic_update_index_in_dim(stack, x, at, 0)
    return stack


def _unstacked(stacks: Any, places: list[Array]) -> list[Any]:
    arrays, structure = jax.tree.flatten(stacks)
    out = []
    for at in places:
        each = [jax.lax.dynamic_index_in_dim(x, at, keepdims=False) for x in arrays]
        out.append(structure.unflatten(each))
    return out


def _places(number: int, known: Array) -> Iterator[Array]:
    """Yield 0, 1, 2, … as values that XLA cannot fold to constants.

    XLA compiles a kernel for each slice at a constant place, which takes longer than
    the rest together. For slices at unknown places it compiles one kernel.
    """
    at = (jnp.isnan(known) & (known == known)).astype(jnp.int32)
    for _ in range(number):
        yield at
        at = jnp.cumsum(jnp.stack([at, jnp.ones_like(at)]))[1]
