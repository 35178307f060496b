"""The functions of one leaf that a rule is traced as, once for each kind of leaf."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.core.rule import Stacked, is_one, locality
from adamx.execution.column import Path
from adamx.execution.sharding import is_typed, spread_like
from adamx.execution.slots import get, put
from adamx.hyperparameters.static import merge, remembered
from adamx.numerics.dtypes import convert, real_dtype, scalar_dtype, scalar_to
from adamx.types import Array


class KeyOf(NamedTuple):
    """A random key for one leaf, before it is made."""

    key: Array
    number: Any


class OneLeaf(NamedTuple):
    """What the functions of a rule are given, as they are to see it."""

    g: Array
    slots: dict[str, Any]
    shared: Any
    param: Array | None


def _one_leaf(
    paths: Sequence[Path], view: Any, g: Array, row: Sequence[Any], param: Any
) -> OneLeaf:
    def seen(x: Any) -> Any:
        if isinstance(x, KeyOf):
            return jax.random.fold_in(x.key, x.number)
        return scalar_to(x, real_dtype(g.dtype))

    view = jax.tree.map(seen, view, is_leaf=lambda x: isinstance(x, KeyOf))
    return OneLeaf(g, _nested(paths, row), view, _owner(param, g))


def _live(arrays: list[Any], static: Any, g: Array) -> Any:
    """The rule, with its numbers in the dtype of the leaf."""
    return merge([scalar_to(x, real_dtype(g.dtype)) for x in arrays], static)


@remembered
def leaf_step(static: Any, paths: tuple[Path, ...]) -> Callable[..., Any]:
    """The jitted function of one leaf; leaves of equal shape and dtype share a trace.

    Kept by what the rules are, not by who built them: equal optimizers share it.
    """
    one = _step(static, paths)

    def step(arrays: list[Any], view: Any, g: Array, row: Any, param: Any) -> Any:
        given = arrays, view, g, row, param
        if is_typed(g) and locality(_live(arrays, static, g)[0]) != "element":
            return spread_like((g, row), one, *given)
        return one(*given)

    return jax.jit(step)


@remembered
def stacked_step(
    static: Any, paths: tuple[Path, ...], how: Stacked
) -> Callable[..., Any]:
    """As `leaf_step`, of several leaves of one kind as one array of them.

    Its arguments are lists, one entry a leaf; what it returns is, too. A loop begins
    when the array `after` is there, so that there is only one stack at a time.
    """
    one = _step(static, paths)

    def together(
        arrays: list[Any], after: Array | None, *leaves: list[Any]
    ) -> list[tuple[Array, Any]]:
        number, gradients = len(leaves[0]), leaves[1]
        known = _total(gradients[0] if after is None else after)
        if how == "loop":
            each = functools.partial(_in_turn, one, number)
        else:
            each = jax.vmap(one, (None, 0, 0, 0, 0))
        places = [*_places(number, known)]
        fill = known if how == "loop" and after is not None else None
        stack = functools.partial(_stack, places, fill)
        stacks = [jax.tree.map(stack, *rows) for rows in leaves]
        return _unstacked(each(arrays, *stacks), places)

    def step(arrays: list[Any], after: Array | None, *leaves: list[Any]) -> Any:
        _, gradients, rows, _ = leaves
        like = [*zip(gradients, rows, strict=True)]
        return spread_like(like, together, arrays, after, *leaves)

    return jax.jit(step)


def _total(x: Array) -> Array:
    return _of_all(jnp.sum(jax.lax.stop_gradient(x).real))


@jax.custom_batching.custom_vmap
def _of_all(x: Array) -> Array:
    """A number that is one under vmap too, where places by it would be many."""
    return x


@_of_all.def_vmap
def _(size: int, batched: list[bool], x: Array) -> tuple[Array, bool]:
    return _of_all(jnp.sum(x, 0)), False


def _in_turn(
    step: Callable[..., Any],
    number: int,
    arrays: list[Any],
    view: Any,
    g: Array,
    row: Any,
    param: Any,
) -> Any:
    """`step` of each in a stack; what it makes takes the place of what it is made of.

    So a stack takes its own memory once, and what a step needs for one leaf.
    """

    def put(stack: Array, x: Array, i: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(stack, x, i, 0)

    def one(i: Array, stacks: tuple[Array, Any]) -> tuple[Array, Any]:
        def at(tree: Any) -> Any:
            return jax.tree.map(lambda x: jnp.squeeze(_at(x, i), 0), tree)

        g, row = stacks
        made = step(arrays, at(view), at(g), at(row), at(param))
        return jax.tree.map(lambda x, y: put(x, y, i), stacks, made)

    return jax.lax.fori_loop(0, number, one, (g, row))


def _at(x: Array, i: Array) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, i, 1)


def _stack(places: list[Array], fill: Array | None, *arrays: Array) -> Array:
    """The arrays in one; not before `fill` is known, where it is one of numbers.

    They are put in one after the other, so that XLA needs no array of its own for each.
    The numbers there before nobody reads; XLA drops every other kind of dependence.
    """
    # Numbers of random keys are no arrays yet where nothing is jitted.
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
    """0, 1, 2, …, counted in a way that XLA cannot foresee.

    It makes a kernel of each slice at a place that it knows, which takes longer than to
    compile all the rest; of slices at places that it does not know there is one.
    """
    at = (jnp.isnan(known) & (known == known)).astype(jnp.int32)
    for _ in range(number):
        yield at
        at = jnp.cumsum(jnp.stack([at, jnp.ones_like(at)]))[1]


def _step(static: Any, paths: tuple[Path, ...]) -> Callable[..., Any]:
    def step(
        arrays: list[Any], view: Any, g: Array, row: tuple[Any, ...], param: Any
    ) -> tuple[Array, tuple[Any, ...]]:
        rule, gain = _live(arrays, static, g)
        u, slots = rule.step(*_one_leaf(paths, view, g, row, param))
        u = convert(u if is_one(gain) else u * gain, g.dtype)
        new = (get(slots, path) for path in paths)
        return u, tuple(
            jax.tree.map(lambda n, o: convert(n, o.dtype), n, o)
            for n, o in zip(new, row, strict=True)
        )

    return step


@remembered
def leaf_measure(static: Any, paths: tuple[Path, ...]) -> Callable[..., Any]:
    """As `leaf_step`, of what a leaf says before the step, in the widest dtype.

    `paths` are those of the rule's own slots.
    """

    def measure(
        arrays: list[Any], view: Any, g: Array, row: tuple[Any, ...], param: Any
    ) -> Any:
        leaf = _one_leaf(paths, view, g, row, param)
        found = _live(arrays, static, g).measure(*leaf)
        # The first axis will be that of the leaves.
        return jax.tree.map(lambda x: scalar_to(x, scalar_dtype())[None], found)

    return jax.jit(measure)


def _owner(param: Any, g: Array) -> Array | None:
    """The parameter, in the dtype that is computed in."""
    return None if param is None else convert(jnp.asarray(param), g.dtype)


def _nested(paths: Sequence[Path], row: Sequence[Any]) -> dict[str, Any]:
    slots: dict[str, Any] = {}
    for path, slot in zip(paths, row, strict=True):
        put(slots, path, slot)
    return slots
