"""Which arrays a rule keeps for a leaf, where in the state, and how they begin."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from adamx.core.errors import TransformError
from adamx.core.numerics import compute_dtype, convert
from adamx.core.rule import Rule
from adamx.core.static import Static, merge, remembered, split
from adamx.tree.paths import describe

Path: TypeAlias = tuple[str, ...]


class Slots(NamedTuple):
    """The slots of one rule, whatever the leaf."""

    static: Static
    avals: tuple[Any, ...]
    paths: tuple[Path, ...]
    """Where each slot stands in the nested state, the same for every leaf."""
    shared: Any
    """The rest of the state, as nested dicts of abstract arrays."""

    @staticmethod
    def of(rule: Rule) -> "Slots":
        arrays, static = split(rule)
        avals = tuple(_aval(x) for x in arrays)
        return Slots(static, avals, *_kept(static, avals))

    def fresh(self, rule: Rule, param: Any) -> tuple[Any, ...]:
        """The first slots of `param`, placed over the devices as `param` is."""
        if not self.paths:
            return ()
        if isinstance(param, jax.ShapeDtypeStruct):
            param = jnp.zeros(param.shape, param.dtype, device=param.sharding)
        sharding = None
        if not isinstance(param, Tracer) and len(param.devices()) > 1:
            sharding = param.sharding
        make = _jitted(self.static, self.avals, self.paths, sharding, param.shape)
        return make(split(rule)[0], param)

    def misfit(
        self, row: Sequence[Any], shape: tuple[int, ...], dtype: Any, *, exact: bool
    ) -> tuple[Path, str, str] | None:
        """The first slot in `row` that is not as `fresh` makes it, if there is one.

        Dtypes are compared where `exact`; without parameters they are not known.
        """
        if not self.paths:
            return None
        for path, slot, wanted in zip(
            self.paths, row, self._expected(shape, dtype), strict=True
        ):
            got = [_aval(x) for x in jax.tree.leaves(slot)]
            if len(got) != len(wanted) or any(
                g.shape != w.shape or (exact and g.dtype != w.dtype)
                for g, w in zip(got, wanted, strict=True)
            ):
                return path, _listed(wanted), _listed(got)
        return None

    def _expected(self, shape: tuple[int, ...], dtype: Any) -> tuple[list[Any], ...]:
        return _expected(self.static, self.avals, self.paths, shape, dtype)

    def check_shared(self, shared: Any) -> None:
        """Raise a `TransformError` unless `shared` is as the rule's `start` has it."""
        _same_shared(self.shared, shared, ())


def get(state: Any, path: Path) -> Any:
    """What stands at `path` in nested dicts.

    Raises:
        TransformError: a name on the way is not there.
    """
    here = state
    for name in path:
        if not isinstance(here, dict) or name not in here:
            raise TransformError(
                "the state is of another transform",
                piece=path[-2] if len(path) > 1 else None,
                expected=f"a dict with {name!r} in it, on the way {'/'.join(path)}",
                got=f"{sorted(here)}" if isinstance(here, dict) else repr(type(here)),
                do="use the state that init of the same transform made",
            )
        here = here[name]
    return here


def put(state: dict[str, Any], path: Path, value: Any) -> None:
    """Put `value` at `path`, making the dicts on the way."""
    for name in path[:-1]:
        state = state.setdefault(name, {})
    state[path[-1]] = value


def without(state: Any, paths: Sequence[Path]) -> Any:
    """`state` without what stands at `paths`: what is left is shared."""
    names = {path[0] for path in paths}
    kept = {}
    for name, value in state.items():
        below = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        if below:
            value = without(value, below)
        if name not in names or (below and value):
            kept[name] = value
    return kept


@remembered
def _kept(static: Any, avals: tuple[Any, ...]) -> tuple[tuple[Path, ...], Any]:
    """The paths of the slots, and the rest of the state."""
    scalar = jax.ShapeDtypeStruct((), jnp.float32)
    nested = jax.eval_shape(_slots(static), list(avals), scalar)
    shared = jax.eval_shape(lambda arrays: merge(arrays, static).start(), list(avals))
    return tuple(_paths(nested, ())), shared


def _same_shared(expected: Any, got: Any, path: Path) -> None:
    if isinstance(expected, dict) and isinstance(got, dict):
        if expected.keys() == got.keys():
            for name, value in expected.items():
                _same_shared(value, got[name], (*path, name))
            return
    elif [x.shape for x in jax.tree.leaves(expected)] == [
        jnp.shape(x) for x in jax.tree.leaves(got)
    ]:
        return
    raise TransformError(
        "the state is of another transform",
        piece="/".join(path) or None,
        expected=_outline(expected),
        got=_outline(got),
        do="use the state that init of the same transform made",
    )


def _outline(state: Any) -> str:
    if isinstance(state, dict):
        return f"a dict with {sorted(state)}"
    return _listed(jax.tree.leaves(state))


def _paths(nested: Any, path: Path) -> list[Path]:
    """A slot is what is no dict: an array, None, or any other pytree of arrays."""
    if not isinstance(nested, dict):
        return [path]
    return [p for name in nested for p in _paths(nested[name], (*path, name))]


def _slots(static: Any) -> Callable[[list[Any], Any], Any]:
    def slots(arrays: list[Any], param: Any) -> Any:
        # A copy, so that a slot that is the parameter itself gets a buffer of its own.
        param = jnp.array(param, compute_dtype(param.dtype), copy=True)
        return merge(arrays, static).slots(convert(param, param.dtype))

    return slots


@remembered
def _jitted(
    static: Any, avals: Any, paths: tuple[Path, ...], sharding: Any, shape: Any
) -> Callable[..., tuple[Any, ...]]:
    def fresh(arrays: list[Any], param: Any) -> tuple[Any, ...]:
        nested = _slots(static)(arrays, param)
        return tuple(get(nested, path) for path in paths)

    if sharding is None:
        return jax.jit(fresh)
    leaf = jax.ShapeDtypeStruct(shape, jnp.float32)
    placed = jax.tree.map(
        lambda slot: _along(sharding, shape, slot.shape),
        jax.eval_shape(fresh, list(avals), leaf),
    )
    return jax.jit(fresh, out_shardings=placed)


def _along(sharding: Any, shape: Any, slot: Any) -> Any:
    """Where to put a slot: along each axis as its leaf, if it can be split like it."""
    if slot == shape:
        return sharding
    if not isinstance(sharding, NamedSharding) or len(slot) < len(shape):
        return None
    # More axes than the leaf has stand in front: several arrays like it.
    front = [None] * (len(slot) - len(shape))
    names = (*front, *sharding.spec, *[None] * len(shape))
    pairs = zip(slot, names, strict=False)
    kept = [name if _splits(sharding, name, size) else None for size, name in pairs]
    return NamedSharding(sharding.mesh, PartitionSpec(*kept))


def _splits(sharding: NamedSharding, name: Any, size: int) -> bool:
    names = name if isinstance(name, tuple) else (name,)
    return size % math.prod(sharding.mesh.shape[n] for n in names if n) == 0


@remembered
def _expected(
    static: Any, avals: Any, paths: tuple[Path, ...], shape: Any, dtype: Any
) -> tuple[list[Any], ...]:
    leaf = jax.ShapeDtypeStruct(shape, dtype)
    nested = jax.eval_shape(_slots(static), list(avals), leaf)
    return tuple(jax.tree.leaves(get(nested, path)) for path in paths)


def _aval(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _listed(avals: list[Any]) -> str:
    return ", ".join(map(describe, avals)) or "nothing"
