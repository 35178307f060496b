"""Compiled programs for functions that are called eagerly."""

import functools
import itertools
import types
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from adamx.execution.jit import is_tracer, is_value, traceable
from adamx.hyperparameters.keys import (
    IdentityKey,
    Keyed,
    is_static,
    is_static_tree,
    reads,
)
from adamx.hyperparameters.static import Static, merge, split
from adamx.tree.callables import is_plain_function


class Programs:
    """A function of a tree and arguments, compiled once for each structure of these.

    `jax.jit` keeps static parts of its arguments alive. So a program for structures
    with a user's object lives as long as this `Programs`, and a program for a user's
    function as long as the function. All equal trees share the other programs.

    Args:
        function: from the tree, the arguments and a dict of extra arguments to arrays;
            defined in a module, because it is part of the programs' keys.
        tree: the first argument; its arrays are traced, its other parts constant.
        donate: the indices of the arguments whose buffers are donated.
    """

    def __init__(
        self, function: Callable[..., Any], tree: Any, donate: tuple[int, ...] = ()
    ) -> None:
        self._function, self._tree, self._donate = function, tree, donate
        self._arrays, self.static = split(tree, rates=True)
        self._traced = any(map(is_tracer, self._arrays))
        self._own: dict[Hashable, Any] = {}

    def __call__(self, *args: Any, extra: Mapping[str, Any]) -> Any:
        functions, given = _parted(extra) if extra else ((), {})
        leaves, structures = zip(*map(jax.tree.flatten, (*args, given)), strict=True)
        if not self._traced and not any(map(is_tracer, itertools.chain(*leaves))):
            program = self._program(structures, functions)
            try:
                return program(self._arrays, *leaves)
            except TypeError:
                # Call it eagerly, because `jax.jit` takes no function as a leaf.
                if all(map(is_value, itertools.chain(*leaves))):
                    raise
        return self._function(self._tree, *args, traceable(extra))

    def _program(
        self, structures: tuple[Any, ...], functions: tuple["Given", ...]
    ) -> Callable[..., Any]:
        key = self._function, self._donate, structures
        if not functions:
            found = self.static.made.get(key) or self._own.get(key)
            if found is not None:
                return found
        make = functools.partial(_jitted, *key, self.static.parts)
        shared = all(map(is_static_tree, structures))
        made = self.static.made if shared else self._own
        if functions:
            return _with_functions(made, key, functions, make)
        made[key] = make([])
        return made[key]


def _jitted(
    function: Callable[..., Any],
    donate: tuple[int, ...],
    structures: Sequence[Any],
    parts: Any,
    weak: Sequence[tuple[str, Callable[..., Any]]],
) -> Callable[..., Any]:
    """Compile `function` for arguments of these structures.

    The program returns a list, because JAX's caches keep structures of results alive.
    The number of None beside the list is the index of its structure in `returned`.
    """
    returned: list[Any] = []

    def program(arrays: list[Any], *leaves: list[Any]) -> tuple[list[Any], Any]:
        pairs = zip(structures, leaves, strict=True)
        *args, extra = (structure.unflatten(column) for structure, column in pairs)
        extra |= {name: whole(extra.get(name)) for name, whole in weak}
        # Under `jax.disable_jit`, rates are still NumPy arrays.
        arrays = [jnp.asarray(x) if isinstance(x, np.ndarray) else x for x in arrays]
        result = function(merge(arrays, parts), *args, extra)
        found, structure = jax.tree.flatten(result)
        if structure not in returned:
            returned.append(structure)
        return found, (None,) * returned.index(structure)

    jitted = jax.jit(program, donate_argnums=tuple(i + 1 for i in donate))

    def call(*args: Any) -> Any:
        found, which = jitted(*args)
        return returned[len(which)].unflatten(found)

    return call


class Given(NamedTuple):
    """A user's function among the arguments."""

    name: str
    function: Callable[..., Any]
    static: Static | None
    """The static part of the arguments that a `functools.partial` holds."""
    partial: bool

    @staticmethod
    def of(name: str, function: Callable[..., Any]) -> tuple["Given", Any]:
        """Return the function without its arrays, and the arrays, which are traced."""
        if isinstance(function, Partial):
            found = Given(name, function.func, None, True)
            return found, (function.args, function.keywords)
        if isinstance(function, functools.partial):
            arrays, static = split((function.args, function.keywords))
            if is_static(static.key):
                return Given(name, function.func, static, True), arrays
        return Given(name, function, None, False), None

    def owner(self) -> Any:
        """Return the function, or for a method the object that it belongs to."""
        function: Any = self.function
        method = isinstance(function, types.MethodType)
        return function.__self__ if method else function

    def key(self) -> Hashable:
        """Return a key that differs from the keys of the owner's other functions."""
        own = getattr(self.function, "__func__", None)
        return self.name, own, self.static, self.partial

    def weak(self) -> Callable[[Any], Any]:
        """Return a function from the arrays to the whole, with a weak reference."""
        method = isinstance(self.function, types.MethodType)
        kind = weakref.WeakMethod if method else weakref.ref
        try:
            find: Callable[[], Any] = kind(self.function)
        except TypeError:
            find = functools.partial(_itself, self.function)
        parts = None if self.static is None else self.static.parts
        return functools.partial(_whole, find, parts, self.partial)


def _itself(x: Any) -> Any:
    return x


def _whole(
    find: Callable[[], Any], parts: Any, partial: bool, arrays: Any
) -> Callable[..., Any]:
    if not partial:
        return Partial(find())
    args, keywords = arrays if parts is None else merge(arrays, parts)
    return Partial(find(), *args, **keywords)


def _parted(extra: Mapping[str, Any]) -> tuple[tuple[Given, ...], dict[str, Any]]:
    """Split arguments into functions and traced trees, callable models included."""
    functions, given = [], dict(extra)
    for name, value in extra.items():
        if isinstance(value, functools.partial) or is_plain_function(value):
            found, given[name] = Given.of(name, value)
            functions.append(found)
    return tuple(functions), given


def _with_functions(
    made: dict[Hashable, Any],
    key: Hashable,
    functions: tuple[Given, ...],
    make: Callable[[Any], Callable[..., Any]],
) -> Callable[..., Any]:
    """Return the program for these functions; it is freed with the first of them."""
    for given in functions:
        owned = made.setdefault(("owned", given.name), Owned())
        made = owned.of(given.owner())
    whole = key, tuple(given.key() for given in functions)
    now = tuple(reads(given.function) for given in functions)
    before, program = made.get(whole, (None, None))
    if before is None or not _as_before(before, now):
        program = make([(given.name, given.weak()) for given in functions])
        made[whole] = _weak(now), program
    return program


class Owned:
    """A dict for each owner, freed with the owner; references to owners are weak."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Any, dict[Hashable, Any]]] = {}

    def of(self, owner: Any) -> dict[Hashable, Any]:
        """Return the dict of an owner; a new one if it allows no weak reference."""
        number = id(owner)
        if number not in self._of:
            forget = functools.partial(_forget, weakref.ref(self), number)
            try:
                self._of[number] = weakref.ref(owner, forget), {}
            except TypeError:
                return {}
        return self._of[number][1]


def _forget(owned: Callable[[], Owned | None], number: int, _: Any) -> None:
    found = owned()
    if found is not None:
        found._of.pop(number, None)


class _Weak(NamedTuple):
    """An `IdentityKey` with weak references to the objects."""

    things: tuple[Any, ...]
    reads: Any


def _weak(key: Hashable) -> Any:
    """Return `key` with weak references to the objects in it."""
    if isinstance(key, Keyed):
        return _Weak((_reference(key),), ())  # before tuples, as in `key_of`
    if isinstance(key, tuple):
        return tuple(map(_weak, key))
    if isinstance(key, IdentityKey):
        return _Weak(tuple(map(_reference, key.things)), _weak(key.reads))
    return key


def _reference(thing: Any) -> Any:
    try:
        return weakref.ref(thing)
    except TypeError:  # for example a long list
        return id(thing)


def _is(reference: Any, thing: Any) -> bool:
    return (
        reference == id(thing) if isinstance(reference, int) else reference() is thing
    )


def _as_before(before: Any, now: Any) -> bool:
    """Return whether `now` equals the key that `_weak` turned into `before`."""
    if isinstance(before, _Weak):
        same = isinstance(now, IdentityKey)
        things, inside = (now.things, now.reads) if same else ((now,), ())
        pairs = zip(before.things, things, strict=False)
        return all(_is(*pair) for pair in pairs) and _as_before(before.reads, inside)
    if isinstance(before, tuple) and isinstance(now, tuple):
        rows = zip(before, now, strict=False)
        return len(before) == len(now) and all(_as_before(*row) for row in rows)
    return type(before) is type(now) and bool(before == now)
