"""Keys of values: if two keys are equal, their values compute the same."""

import contextlib
import dis
import functools
import inspect
import os
import sys
import sysconfig
import types
import weakref
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer
from jax.tree_util import all_leaves

from adamx.tree.leaves import is_array, is_prng_key

PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None), type(...)})
"""Types whose values are their own key."""

MOST = 100
"""How many entries of a container that a function reads are part of its key."""


class Keyed:
    """Base of objects that are equal if their types and keys are equal."""

    key: Hashable

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.key == other.key)  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash(self.key)


class IdentityKey:
    """A key of objects by identity, with the outside variables that functions read.

    It keeps the objects alive, because Python reuses the `id` of a freed object.
    """

    def __init__(self, *things: Any) -> None:
        self.things = things
        self.reads: Hashable = tuple(reads(x) for x in things if callable(x))

    def _ids(self) -> list[int]:
        return [*map(id, self.things)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdentityKey):
            return False
        return self._ids() == other._ids() and self.reads == other.reads

    def __hash__(self) -> int:
        return hash(tuple(self._ids()))

    def __repr__(self) -> str:
        return ", ".join(show(thing) for thing in self.things)


class ArrayKey(NamedTuple):
    """The key of an array."""

    shape: tuple[int, ...]
    dtype: str
    numbers: bytes


def key_of(value: Any) -> Hashable:
    """Return a hashable key of an argument; keys are equal for equal arguments.

    A function is keyed by identity and by the variables that it reads. Its name is not
    enough, because a builder makes functions of one name with different closures, and
    each run of a notebook cell makes a new function of the same name.
    """
    if type(value) in PLAIN:
        if isinstance(value, str) or value is None or value is ...:
            return value
        # Not by value, because 1 == 1.0 == True and 0.0 == -0.0, but results differ.
        return type(value), value or repr(value)
    if isinstance(value, Tracer):
        return IdentityKey(value)
    if isinstance(value, Keyed):
        return value  # before tuples, as in `_value`
    if is_array(value):
        array = np.asarray(jax.random.key_data(value) if is_prng_key(value) else value)
        return ArrayKey(array.shape, str(array.dtype), array.tobytes())
    if isinstance(value, Mapping):
        return "mapping", frozenset((key_of(k), key_of(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(key_of(v) for v in value)
    if isinstance(value, set | frozenset):
        return "set", frozenset(key_of(v) for v in value)
    if isinstance(value, functools.partial):
        parts = value.func, value.args, value.keywords
        return "partial", tuple(key_of(part) for part in parts)
    if isinstance(value, types.MethodType):
        return "method", key_of(value.__func__), key_of(value.__self__), reads(value)
    if hasattr(type(value), "__dataclass_fields__") and not all_leaves([value]):
        leaves, treedef = jax.tree.flatten(value)
        return "dataclass", tree_key(treedef), tuple(key_of(leaf) for leaf in leaves)
    if callable(value) and type(value).__hash__ is object.__hash__:
        library = is_library(value) and importable(value)
        return value if library else IdentityKey(value)
    return value if _hashable(value) else IdentityKey(value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def tree_key(treedef: Any) -> Hashable:
    """Return the key of a structure, with keys of user classes and data in it."""
    if treedef in _STATIC:
        return treedef
    found = [*_made_by_users(treedef)]
    return (treedef, *found) if found else treedef


def _made_by_users(treedef: Any) -> Iterable[Hashable]:
    """Yield keys of the user's classes, and of data that is not static."""
    data = treedef.node_data()
    if data is None:
        return
    kind, static = data
    if not is_library(kind):
        yield IdentityKey(kind)
    if kind is not dict and static is not None:
        key = key_of(static)
        if not is_static(key):
            yield key
    for child in treedef.children():
        yield from _made_by_users(child)


_STATIC: dict[Any, None] = {}
"""Structures with only static data, so that this cache keeps no user object alive."""


def is_static_tree(treedef: Any) -> bool:
    """Return whether a structure has only static data; see `is_static`."""
    if treedef in _STATIC:
        return True
    if not all(map(is_static, _made_by_users(treedef))):
        return False
    if all(is_library(x) for x in _kinds(treedef)):
        if len(_STATIC) >= 4096:
            _STATIC.clear()
        _STATIC[treedef] = None
    return True


def _kinds(treedef: Any) -> Iterable[type]:
    data = treedef.node_data()
    if data is not None:
        yield data[0]
        for child in treedef.children():
            yield from _kinds(child)


def is_static(key: Hashable) -> bool:
    """Return whether a key holds only static data, for caches of the whole process.

    Names, numbers and importable functions are static. Arrays, inner functions and
    objects of a user's classes are not, because a cache would keep them alive.
    """
    if isinstance(key, ArrayKey):
        return False
    if isinstance(key, Keyed):
        return is_static(key.key)  # before tuples, as in `key_of`
    if isinstance(key, tuple | frozenset):
        return all(map(is_static, key))
    if isinstance(key, IdentityKey):
        return all(map(importable, key.things)) and is_static(key.reads)
    if isinstance(key, type) or callable(key):
        return importable(key)
    if isinstance(key, jax.tree_util.PyTreeDef):
        return is_static_tree(key)
    return type(key) in PLAIN or is_library(type(key))


def importable(thing: Any) -> bool:
    """Return whether the module of `thing` has it under its qualified name."""
    found = sys.modules.get(getattr(thing, "__module__", None) or "")
    for name in getattr(thing, "__qualname__", "<locals>").split("."):
        if found is None or name == "<locals>":
            return False
        found = vars(found).get(name) if hasattr(found, "__dict__") else None
    return found is thing


def reads(function: Any) -> Hashable:
    """Return a key of the closure, defaults and globals that a function reads.

    If one of these changes between two calls, the results may differ. The key may be
    incomplete, because it is used beside a key of the function itself.
    """
    return _read_of(function, frozenset({"__call__"}), {})


def _read_of(x: Any, names: frozenset[str], seen: dict[int, int]) -> Hashable:
    """Return the key of the variables that `x` reads, and of its attributes `names`."""
    if isinstance(x, types.MethodType):
        names = names | _names(x.__func__).attributes
        return _read_of(x.__func__, names, seen), _read_of(x.__self__, names, seen)
    if id(x) in seen:
        return seen[id(x)]
    seen[id(x)] = len(seen)
    if isinstance(x, types.FunctionType):
        return _variables(x, seen)
    if isinstance(x, functools.partial):
        return tuple(_value(v, names, seen) for v in (x.func, x.args, x.keywords))
    kind = x if isinstance(x, type | types.ModuleType) else type(x)
    if is_library(kind):
        return ()
    methods = [m for n in names if isinstance(m := _of_class(kind, n), _FUNCTION)]
    names = names.union(*(_names(method).attributes for method in methods))
    found = vars(x) if hasattr(x, "__dict__") else {}
    read = sorted(n for n in names if n in found)
    inside = tuple((n, _value(found[n], names, seen)) for n in read)
    return inside, tuple(_variables(method, seen) for method in methods)


_FUNCTION = types.FunctionType


def _of_class(kind: Any, name: str) -> Any:
    """Return the attribute `name` of a class or of its bases; None without one."""
    kinds = getattr(kind, "__mro__", ())
    return next((vars(k)[name] for k in kinds if name in vars(k)), None)


def _variables(function: types.FunctionType, seen: dict[int, int]) -> Hashable:
    """Return the key of the outside variables that a function reads, but not sets."""
    names = _names(function)
    found: dict[str, Any] = {}
    if not is_library(function):
        there = function.__globals__
        found |= {n: there[n] for n in names.read if n in there}
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        with contextlib.suppress(ValueError):  # not assigned yet
            found[name] = cell.cell_contents
    defaults = function.__defaults__, function.__kwdefaults__
    kept = [("defaults", x) for x in defaults if x]
    kept += [(name, found[name]) for name in sorted(found.keys() - names.written)]
    return tuple((name, _value(x, names.attributes, seen)) for name, x in kept)


def _value(x: Any, names: frozenset[str], seen: dict[int, int]) -> Any:
    """Return the key of a value that a function reads."""
    if type(x) in PLAIN or (isinstance(x, np.ndarray) and x.size <= MOST):
        return key_of(x)
    if isinstance(x, Keyed):
        return x  # where Optax is loaded, a transform is a tuple for `isinstance`
    if isinstance(x, Mapping) and len(x) <= MOST:
        return tuple((str(k), _value(v, names, seen)) for k, v in x.items())
    if isinstance(x, list | tuple | set) and len(x) <= MOST:
        return type(x).__name__, tuple(_value(v, names, seen) for v in x)
    if is_library(x) and importable(x):
        return x
    same: Any = IdentityKey()
    same.things = (x,)
    same.reads = _read_of(x, names, seen) if len(seen) < MOST else ()
    return same


class _Names(NamedTuple):
    """The names in the code of a function and of its inner functions."""

    read: frozenset[str]
    """Global variables."""
    attributes: frozenset[str]
    written: frozenset[str]
    """Outside variables that it sets, such as a count of its calls."""


def _names(function: types.FunctionType) -> _Names:
    """Return the names in the code of a function."""
    code = function.__code__
    if code not in _NAMES:
        read, attributes, written = set(), set(), set()
        for part in _codes(code):
            for step in dis.get_instructions(part):
                if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                    read.add(step.argval)
                elif step.opname in ("STORE_GLOBAL", "STORE_DEREF"):
                    written.add(step.argval)
            attributes |= set(part.co_names)
        _NAMES[code] = _Names(*map(frozenset, (read, attributes, written)))
    return _NAMES[code]


_NAMES: weakref.WeakKeyDictionary[types.CodeType, _Names] = weakref.WeakKeyDictionary()


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object, and the code objects of its inner functions."""
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _codes(part)


def is_library(thing: Any) -> bool:
    """Return whether a function, class or module is Python's, adamx's or installed.

    The variables that library code reads are assumed constant.
    """
    if isinstance(thing, types.MethodType):
        thing = thing.__func__
    if hasattr(thing, "__wrapped__") and not isinstance(thing, type):
        thing = inspect.unwrap(thing)
    code = getattr(thing, "__code__", None)
    if isinstance(code, types.CodeType):
        return _in_library(code.co_filename)
    module = isinstance(thing, types.ModuleType)
    name = thing.__name__ if module else getattr(thing, "__module__", None)
    if not isinstance(name, str):
        return not hasattr(thing, "__dict__")
    if name == "__main__":
        return False
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and _in_library(file)


@functools.lru_cache(maxsize=4096)
def _in_library(file: str) -> bool:
    parts = os.path.normpath(file).split(os.sep)
    if not {"site-packages", "dist-packages"}.isdisjoint(parts):
        return True
    return file.startswith((_OWN, *_PYTHON, "<frozen"))


_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHON = tuple(sysconfig.get_path(k) + os.sep for k in ("stdlib", "platstdlib"))


def show(value: Any) -> str:
    """Return an argument as source code."""
    if isinstance(value, Tracer):
        return f"<traced {value.aval}>"
    if is_prng_key(value):
        return f"wrap_key_data({jax.random.key_data(value).tolist()})"
    if is_array(value) and value.shape == ():
        return repr(value.item())
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {show(v)}' for k, v in value.items())}}}"
    if inspect.isroutine(value) or isinstance(value, type):
        return value.__qualname__
    return repr(value)
