"""The state of a rule: its slots and shared entries, their paths and initial values."""

import math
from collections.abc import Callable, Mapping
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from adamx.core.rule import Rule
from adamx.errors import TransformError
from adamx.execution.slot_table import Parts, Path
from adamx.hyperparameters.static import Static, merge, remembered, split
from adamx.numerics.dtypes import cast, cast_scalar, compute_dtype, real_dtype
from adamx.tree.check import wrong_state
from adamx.tree.paths import PyTreeDef, describe
from adamx.tree.paths import names as names_of
from adamx.types import Shared


class StateLayout(NamedTuple):
    """The state of one rule: the slots of a leaf, and the shared entries."""

    arrays: list[Any]
    """The arrays of the rule, which is split into `arrays` and `static`."""
    static: Static
    avals: tuple[Any, ...]
    paths: tuple[Path, ...]
    """The path of each slot in the nested state, the same for every leaf."""
    shared: dict[Path, Any]
    """The shared entries: abstract values by path."""
    structure: PyTreeDef
    """The structure of the nested dicts of the shared entries."""
    names: dict[Path, frozenset[str]]
    """The names in each dict of the state, by path."""
    known: dict[Any, Parts]
    """A cache of the abstract slots of leaves, by shape and dtype."""

    @staticmethod
    def of(rule: Rule) -> "StateLayout":
        """Return the layout of the state of a rule, from an abstract evaluation."""
        arrays, static = split(rule, rates=True)
        avals = tuple(map(_aval, arrays))
        paths, shared, structure, names = _found(static, avals)
        return StateLayout(arrays, static, avals, paths, shared, structure, names, {})

    def of_leaf(self, rule: Rule) -> "StateLayout":
        """Return the layout of the rule for one leaf, with the same names."""
        arrays, static = split(rule, rates=True)
        avals = tuple(map(_aval, arrays))
        return self._replace(arrays=arrays, static=static, avals=avals, known={})

    def fresh(self, param: Any) -> Parts:
        """Return the first slots of `param`, with the sharding of `param`."""
        if isinstance(param, jax.ShapeDtypeStruct):
            param = jnp.zeros(param.shape, param.dtype, device=param.sharding)
        sharding = None
        if not isinstance(param, Tracer) and len(param.devices()) > 1:
            sharding = param.sharding
        make = _fresh(self.static, self.avals, sharding, param.shape)
        parts = self.leaf(param.shape, compute_dtype(param.dtype))
        return parts._replace(arrays=make(self.arrays, param))

    def leaf(self, shape: tuple[int, ...], dtype: Any) -> Parts:
        """Return the abstract slots of a leaf, split into parts.

        Raises:
            TransformError: the names of its slots differ from other leaves' names.
        """
        kind = shape, dtype
        if kind not in self.known:
            self.known[kind] = _leaf(self.static, self.avals, self.paths, *kind)
        return self.known[kind]

    def slot(self, path: Path, shape: tuple[int, ...], dtype: Any) -> Parts:
        """Return one abstract slot of a leaf, split into parts."""
        return Parts.of(get(_nested(self.static, self.avals, shape, dtype), path))

    def read(self, state: Mapping[str, Any]) -> tuple[dict[Path, Any], Shared]:
        """Return the slots in a state, by path, and the shared entries.

        Raises:
            TransformError: the state belongs to another rule.
        """
        for path, names in self.names.items():
            here: Any = reduce(getitem, path, state)
            # The top level may have more names, because it also has other pieces.
            other = path and isinstance(here, dict) and here.keys() != names
            if other or not isinstance(here, dict) or not names <= here.keys():
                expected = f"a dict with {sorted(names)}"
                raise wrong_state("/".join(path), expected, _outline(here))
        shared = [reduce(getitem, path, state) for path in self.shared]
        for (path, expected), found in zip(self.shared.items(), shared, strict=True):
            sizes = [jnp.shape(x) for x in jax.tree.leaves(found)]
            if sizes != [x.shape for x in jax.tree.leaves(expected)]:
                raise wrong_state("/".join(path), _outline(expected), _outline(found))
        slots = {path: reduce(getitem, path, state) for path in self.paths}
        return slots, self.structure.unflatten(shared)

    def keep(self, new: Shared, old: Shared) -> Shared:
        """Return the shared entries that a state keeps, in their previous dtypes.

        Raises:
            TransformError: an entry is missing, or has another structure.
        """
        kept = []
        for path in self.shared:
            was: Any = reduce(getitem, path, old)
            found: Any = new
            for name in path:
                found = found.get(name) if isinstance(found, dict) else None
            if jax.tree.structure(found) != jax.tree.structure(was):
                raise TransformError(
                    "`advance` does not return what `shared` began with",
                    piece="/".join(path[:-1]),
                    expected=f"{path[-1]!r}: {_outline(was)}",
                    got="nothing" if found is None else _outline(found),
                )
            is_array = isinstance(found, jax.Array)
            if not is_array or jax.typeof(found) != jax.typeof(was):
                found = jax.tree.map(_alike, found, was)
            kept.append(found)
        return self.structure.unflatten(kept)


def get(state: Any, path: Path) -> Any:
    """Return the entry at `path` in nested dicts.

    Raises:
        TransformError: a name on the way is missing.
    """
    here = state
    for name in path:
        if not isinstance(here, dict) or name not in here:
            expected = f"a dict with {name!r} in it, on the way {'/'.join(path)}"
            raise wrong_state("/".join(path[:-1]), expected, _outline(here))
        here = here[name]
    return here


def _alike(new: Any, old: Any) -> Any:
    """Cast `new` to an array of the dtype of `old`."""
    return cast(jnp.asarray(new), old.dtype)


def _outline(state: Any) -> str:
    """Describe a dict by its names, and any other value by its arrays."""
    if isinstance(state, dict):
        return f"a dict with {sorted(state)}"
    arrays = [x for x in jax.tree.leaves(state) if hasattr(x, "dtype")]
    return listed(arrays) if arrays else repr(type(state))


def listed(avals: list[Any]) -> str:
    """Return the dtypes and shapes of arrays, with commas."""
    return ", ".join(map(describe, avals)) or "nothing"


@remembered
def _found(static: Any, avals: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the slots' paths, the shared entries, their structure and all names."""
    paths = tuple(_paths(_nested_of(static, avals, (), jnp.float32), ()))
    start = jax.eval_shape(lambda arrays: merge(arrays, static).start(), list(avals))
    pairs, structure = jax.tree_util.tree_flatten_with_path(
        start, is_leaf=lambda x: not isinstance(x, dict)
    )
    shared = {names_of(path): value for path, value in pairs}
    names: dict[Path, set[str]] = {}
    for path in (*paths, *shared):
        for n, name in enumerate(path):
            names.setdefault(path[:n], set()).add(name)
    known = {path: frozenset(found) for path, found in names.items()}
    return paths, shared, structure, known


def _paths(nested: Any, path: Path) -> list[Path]:
    """Return the paths of entries that are no dicts: arrays, None, other pytrees."""
    if not isinstance(nested, dict):
        return [path]
    return [p for name in nested for p in _paths(nested[name], (*path, name))]


def _slots(static: Any) -> Callable[[list[Any], Any], Any]:
    def slots(arrays: list[Any], param: Any) -> Any:
        # A copy, so that a slot that is the parameter itself gets a buffer of its own.
        param = jnp.array(param, compute_dtype(param.dtype), copy=True)
        dtype = real_dtype(param.dtype)
        rule = merge([cast_scalar(x, dtype) for x in arrays], static)
        return rule.slots(cast(param, param.dtype))

    return slots


def _nested_of(static: Any, avals: Any, shape: Any, dtype: Any) -> Any:
    leaf = jax.ShapeDtypeStruct(shape, dtype)
    return jax.eval_shape(_slots(static), list(avals), leaf)


_nested = remembered(_nested_of)
"""Return the abstract slots of a leaf, nested as in a state; cached."""


@remembered
def _leaf(
    static: Any, avals: Any, paths: tuple[Path, ...], shape: Any, dtype: Any
) -> Parts:
    nested = _nested_of(static, avals, shape, dtype)
    found = _paths(nested, ())
    known = all(any(q[: len(p)] == p for q in found) for p in paths)
    if not known or not all(any(q[: len(p)] == p for p in paths) for q in found):
        raise TransformError(
            "`slots` must have the same names for all leaves",
            expected=", ".join(map("/".join, paths)),
            got=", ".join(map("/".join, found)),
            hint="keep None under the name of a slot that a leaf has not",
        )
    return Parts.of(nested)


@remembered
def _fresh(static: Any, avals: Any, sharding: Any, shape: Any) -> Callable[..., Any]:
    def fresh(arrays: list[Any], param: Any) -> list[Any]:
        return jax.tree.leaves(_slots(static)(arrays, param))

    if sharding is None:
        return jax.jit(fresh)
    leaf = jax.ShapeDtypeStruct(shape, jnp.float32)
    found = jax.eval_shape(fresh, list(avals), leaf)
    placed = [_along(sharding, shape, slot.shape) for slot in found]
    return jax.jit(fresh, out_shardings=placed)


def _along(sharding: Any, shape: Any, slot: Any) -> Any:
    """Return the sharding of a slot: along each axis as its leaf, if divisible."""
    if slot == shape:
        return sharding
    if not isinstance(sharding, NamedSharding) or len(slot) < len(shape):
        return None
    # Additional axes come first, because the slot is several arrays like the leaf.
    front = [None] * (len(slot) - len(shape))
    names = (*front, *sharding.spec, *[None] * len(shape))
    pairs = zip(slot, names, strict=False)
    kept = [name if _splits(sharding, name, size) else None for size, name in pairs]
    return NamedSharding(sharding.mesh, PartitionSpec(*kept))


def _splits(sharding: NamedSharding, name: Any, size: int) -> bool:
    names = name if isinstance(name, tuple) else (name,)
    return size % math.prod(sharding.mesh.shape[n] for n in names if n) == 0


def _aval(x: Any) -> jax.ShapeDtypeStruct:
    # A float in a `Rate` field is a float64, which JAX makes float32 without x64.
    dtype = jax.dtypes.canonicalize_dtype(x.dtype, allow_extended_dtype=True)
    return jax.ShapeDtypeStruct(x.shape, dtype)
