"""Compile what is called eagerly; leave alone what is being traced."""

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
    """A function of a tree and of arguments, compiled once for each structure of these.

    A jit holds what is static in its arguments as long as it lives. So programs for
    structures that hold something of the user's live with this object, and those for
    functions of the user's with these; the rest is shared by all equal trees.

    Args:
        function: from the tree, the arguments and a dict of extra arguments to arrays;
            of a module, because programs are known by it.
        tree: what is no argument; its arrays are traced, the rest is constant.
        donate: the numbers of the arguments whose buffers are used up.
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
                # No jit takes a function among the leaves of a model.
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

    Lists go in and come out, because caches of jax hold the structures of results. How
    many None come beside them says which structure they have.
    """
    returned: list[Any] = []

    def program(arrays: list[Any], *leaves: list[Any]) -> tuple[list[Any], Any]:
        pairs = zip(structures, leaves, strict=True)
        *args, extra = (structure.unflatten(column) for structure, column in pairs)
        extra |= {name: whole(extra.get(name)) for name, whole in weak}
        # Without jit the rates are NumPy's.
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
    """A function of the user's among the arguments."""

    name: str
    function: Callable[..., Any]
    static: Static | None
    """Of a partial: what is no array of the arguments that it brings along."""
    partial: bool

    @staticmethod
    def of(name: str, function: Callable[..., Any]) -> tuple["Given", Any]:
        """Return the function without arrays, and these: they are traced."""
        if isinstance(function, Partial):
            found = Given(name, function.func, None, True)
            return found, (function.args, function.keywords)
        if isinstance(function, functools.partial):
            arrays, static = split((function.args, function.keywords))
            if is_static(static.key):
                return Given(name, function.func, static, True), arrays
        return Given(name, function, None, False), None

    def owner(self) -> Any:
        """Return the object that the function dies with."""
        function: Any = self.function
        method = isinstance(function, types.MethodType)
        return function.__self__ if method else function

    def key(self) -> Hashable:
        """Return what tells it from other functions of its owner."""
        own = getattr(self.function, "__func__", None)
        return self.name, own, self.static, self.partial

    def weak(self) -> Callable[[Any], Any]:
        """Return a way to the function, and to its arrays, that does not hold it."""
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
    """Part arguments into functions and what is traced.

    A model that can be called is a tree, and is traced.
    """
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
    """Find the program for these functions; it dies with the first of them."""
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
    """Dicts that die with their owners, which it does not hold."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Any, dict[Hashable, Any]]] = {}

    def of(self, owner: Any) -> dict[Hashable, Any]:
        """Return the dict of an owner; a new one where nothing can be known of it."""
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
    """An `IdentityKey` that does not hold the objects."""

    things: tuple[Any, ...]
    reads: Any


def _weak(key: Hashable) -> Any:
    """Return a key that can be held where the owner of what is in it cannot be."""
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
    except TypeError:  # a long list, say
        return id(thing)


def _is(reference: Any, thing: Any) -> bool:
    return (
        reference == id(thing) if isinstance(reference, int) else reference() is thing
    )


def _as_before(before: Any, now: Any) -> bool:
    """Return whether a key is the one that `_weak` was given."""
    if isinstance(before, _Weak):
        same = isinstance(now, IdentityKey)
        things, inside = (now.things, now.reads) if same else ((now,), ())
        pairs = zip(before.things, things, strict=False)
        return all(_is(*pair) for pair in pairs) and _as_before(before.reads, inside)
    if isinstance(before, tuple) and isinstance(now, tuple):
        rows = zip(before, now, strict=False)
        return len(before) == len(now) and all(_as_before(*row) for row in rows)
    return type(before) is type(now) and bool(before == now)
