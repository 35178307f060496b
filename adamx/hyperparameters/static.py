"""Trees split into arrays and a static part, and results cached in the static part."""

import collections
import dataclasses
import functools
import typing
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import jax
import numpy as np

from adamx.hyperparameters.keys import (
    PLAIN,
    is_static,
    is_static_tree,
    key_of,
    tree_key,
)
from adamx.tree.leaves import is_array
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Rate

P = ParamSpec("P")
T = TypeVar("T")


class Static:
    """The part of a tree without its arrays, and the results that `remembered` cached.

    Equal living parts are one object, so that equal transforms share their programs.
    A cache keeps parts that hold only static data. Other parts are freed with their
    last reference, so that no user function and no tracer outlives its owner.
    """

    __slots__ = ("__weakref__", "_hash", "key", "made", "parts")

    def __init__(self, treedef: Any, rest: tuple[Any, ...]) -> None:
        self.parts = treedef, rest
        self.key: Hashable = tree_key(treedef), tuple(map(key_of, rest))
        self.made: dict[Hashable, Any] = {}
        self._hash = hash(self.key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Static) and self.key == other.key)

    def __hash__(self) -> int:
        return self._hash


def split(tree: Any, *, rates: bool = False) -> tuple[list[Any], Static]:
    """Split `tree` into its arrays and a hashable static part; `merge` is the inverse.

    With `rates`, nonzero floats in fields of type `Rate` are arrays, too.
    """
    leaves, treedef = jax.tree.flatten(tree)
    if rates:
        for i in _rates(treedef):
            if type(leaves[i]) is float and leaves[i] != 0:
                leaves[i] = np.asarray(leaves[i])
    arrays = []
    for i, x in enumerate(leaves):
        if type(x) not in PLAIN and is_array(x):
            arrays.append(x)
            leaves[i] = _ARRAY
    return arrays, _the_one(Static(treedef, tuple(leaves)))


def _rates(treedef: Any) -> list[int]:
    """Return the indices of the leaves in fields of type `Rate`."""
    return (_kept_rates if is_static_tree(treedef) else _find_rates)(treedef)


def _find_rates(treedef: Any) -> list[int]:
    return [*_in_fields(treedef.unflatten(range(treedef.num_leaves)))]


_kept_rates = functools.lru_cache(maxsize=4096)(_find_rates)


def _in_fields(tree: Any) -> Iterator[int]:
    """Yield the leaves of a tree of integers that are in fields of type `Rate`."""
    if isinstance(tree, PytreeDataclass):
        for field in dataclasses.fields(tree):  # pyright: ignore[reportArgumentType]
            value = getattr(tree, field.name)
            if isinstance(value, int):
                if field.type is Rate or Rate in typing.get_args(field.type):
                    yield value
            else:
                yield from _in_fields(value)
    elif isinstance(tree, tuple | list):
        for value in tree:
            yield from _in_fields(value)
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _in_fields(value)


def merge(arrays: list[Any], static: Any) -> Any:
    """Return the tree that `split` separated into arrays and a static part."""
    treedef, rest = static.parts if isinstance(static, Static) else static
    left = iter(arrays)
    return treedef.unflatten([next(left) if x is _ARRAY else x for x in rest])


def remembered(
    function: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate[Static, P], T]:
    """Cache the results of `function` in its first argument, a `Static`.

    `function` gets `static.parts`, because a program that refers to the `Static` would
    be in a reference cycle, which lives until the next garbage collection.
    """

    @functools.wraps(function)
    def made(static: Static, *args: P.args, **kwargs: P.kwargs) -> T:
        key = function, *args
        if key not in static.made:
            static.made[key] = function(static.parts, *args, **kwargs)
        return static.made[key]

    return made


_ARRAY = ...
"""The placeholder of an array."""

_LIVING: weakref.WeakKeyDictionary[Static, weakref.ref[Static]]
_LIVING = weakref.WeakKeyDictionary()

_LASTING: collections.deque[Static] = collections.deque(maxlen=4096)
"""The latest parts that hold only static data."""


def _the_one(static: Static) -> Static:
    """Return the living `Static` that equals `static`, or `static` itself."""
    known = _LIVING.get(static)
    found = None if known is None else known()
    if found is not None:
        return found
    _LIVING[static] = weakref.ref(static)
    if is_static(static.key):
        _LASTING.append(static)
    return static
