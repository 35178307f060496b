"""Which arrays a rule keeps for a leaf, where in the state, and how they begin."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from adamx.core.rule import Rule
from adamx.errors import TransformError
from adamx.execution.column import Column, Parts, Path
from adamx.hyperparameters.static import Static, merge, remembered, split
from adamx.numerics.dtypes import compute_dtype, convert, real_dtype, scalar_to
from adamx.tree.paths import describe


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
        arrays, static = split(rule, rates=True)
        avals = tuple(map(_aval, arrays))
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
        return make(split(rule, rates=True)[0], param)

    def parts(self, shape: tuple[int, ...], dtype: Any) -> tuple[Parts, ...]:
        """Return the abstract arrays of each slot of a leaf, and their containers."""
        if not self.paths:
            return ()
        return _parts(self.static, self.avals, self.paths, shape, dtype)

    def misfit(
        self, parts: Sequence[Parts], columns: Sequence[Column], i: int, *, exact: bool
    ) -> tuple[Path, str, str] | None:
        """Return the first slot of a leaf whose arrays are not like `parts`, if any.

        Dtypes are compared where `exact`; without parameters they are not known.
        """
        for path, part, column in zip(self.paths, parts, columns, strict=True):
            found = column.get(i, part.names)
            got = column.arrays(i)
            if len(got) != len(found) or any(
                g is None or g.shape != w.shape or (exact and g.dtype != w.dtype)
                for g, w in zip(found, part.arrays, strict=True)
            ):
                return path, _listed(part.arrays), _listed(got)
        return None

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


def _row(nested: Any, paths: tuple[Path, ...]) -> tuple[Any, ...]:
    """The slots of a leaf in order; their names must be those of every leaf."""
    found = _paths(nested, ())
    known = all(any(q[: len(p)] == p for q in found) for p in paths)
    if not known or not all(any(q[: len(p)] == p for p in paths) for q in found):
        raise TransformError(
            "`slots` must have the same names for all leaves",
            expected=", ".join(map("/".join, paths)),
            got=", ".join(map("/".join, found)),
            do="keep None under the name of a slot that a leaf has not",
        )
    return tuple(get(nested, path) for path in paths)


def _slots(static: Any) -> Callable[[list[Any], Any], Any]:
    def slots(arrays: list[Any], param: Any) -> Any:
        # A copy, so that a slot that is the parameter itself gets a buffer of its own.
        param = jnp.array(param, compute_dtype(param.dtype), copy=True)
        dtype = real_dtype(param.dtype)
        rule = merge([scalar_to(x, dtype) for x in arrays], static)
        return rule.slots(convert(param, param.dtype))

    return slots


@remembered
def _jitted(
    static: Any, avals: Any, paths: tuple[Path, ...], sharding: Any, shape: Any
) -> Callable[..., tuple[Any, ...]]:
    def fresh(arrays: list[Any], param: Any) -> tuple[Any, ...]:
        return _row(_slots(static)(arrays, param), paths)

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
def _parts(
    static: Any, avals: Any, paths: tuple[Path, ...], shape: Any, dtype: Any
) -> tuple[Parts, ...]:
    leaf = jax.ShapeDtypeStruct(shape, dtype)
    nested = jax.eval_shape(_slots(static), list(avals), leaf)
    return tuple(map(Parts.of, _row(nested, paths)))


def _aval(x: Any) -> jax.ShapeDtypeStruct:
    # A float in a field of type `Rate` is a float64 that jax may make a float32.
    dtype = jax.dtypes.canonicalize_dtype(x.dtype, allow_extended_dtype=True)
    return jax.ShapeDtypeStruct(x.shape, dtype)


def _listed(avals: list[Any]) -> str:
    return ", ".join(map(describe, avals)) or "nothing"
