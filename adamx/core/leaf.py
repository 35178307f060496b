"""The functions of one leaf that a rule is traced as, once for each kind of leaf."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.core.numerics import convert, real_dtype, scalar_dtype
from adamx.core.record import merge
from adamx.core.rule import is_one
from adamx.core.slots import Path, get, put
from adamx.core.types import Array


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
        return _scalar_to(x, real_dtype(g.dtype))

    view = jax.tree.map(seen, view, is_leaf=lambda x: isinstance(x, KeyOf))
    return OneLeaf(g, _nested(paths, row), view, _owner(param, g))


def _live(arrays: list[Any], static: Any, g: Array) -> Any:
    """The rule, with its numbers in the dtype of the leaf."""
    return merge([_scalar_to(x, real_dtype(g.dtype)) for x in arrays], static)


@functools.lru_cache(maxsize=4096)
def leaf_step(static: Any, paths: tuple[Path, ...]) -> Callable[..., Any]:
    """The jitted function of one leaf; leaves of equal shape and dtype share a trace.

    Cached by what the rules are, not by who built them: equal optimizers share it.
    """
    return jax.jit(_step(static, paths))


@functools.lru_cache(maxsize=4096)
def stacked_step(static: Any, paths: tuple[Path, ...]) -> Callable[..., Any]:
    """As `leaf_step`, of several leaves of one kind as one array of them.

    Its arguments are lists, one entry a leaf; what it returns is, too.
    """
    one = jax.vmap(_step(static, paths), (None, 0, 0, 0, 0))

    def step(arrays: list[Any], *leaves: list[Any]) -> list[tuple[Array, Any]]:
        stacks = [jax.tree.map(_stack, *each) for each in leaves]
        return _unstacked(one(arrays, *stacks), len(leaves[0]))

    return jax.jit(step)


def _stack(*arrays: Array) -> Array:
    return jax.lax.concatenate([jnp.expand_dims(x, 0) for x in arrays], 0)


def _unstacked(stacks: Any, n: int) -> list[Any]:
    arrays, structure = jax.tree.flatten(stacks)
    parts = [jax.lax.split(x, (1,) * n) for x in arrays]
    return [
        structure.unflatten([jax.lax.squeeze(x, (0,)) for x in row])
        for row in zip(*parts, strict=True)
    ]


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


@functools.lru_cache(maxsize=4096)
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
        return jax.tree.map(lambda x: _scalar_to(x, scalar_dtype())[None], found)

    return jax.jit(measure)


def _scalar_to(x: Any, dtype: Any) -> Any:
    """A shared scalar in the dtype of the leaf; counts and keys as they are."""
    return convert(x, dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _owner(param: Any, g: Array) -> Array | None:
    """The parameter, in the dtype that is computed in."""
    return None if param is None else convert(jnp.asarray(param), g.dtype)


def _nested(paths: Sequence[Path], row: Sequence[Any]) -> dict[str, Any]:
    slots: dict[str, Any] = {}
    for path, slot in zip(paths, row, strict=True):
        put(slots, path, slot)
    return slots
