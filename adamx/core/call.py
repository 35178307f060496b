"""A thing remembers the call that made it: repr, equality and hash are by it."""

import importlib
import inspect
import operator
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from adamx.core.record import Record, is_array, is_key, split


class Call:
    """A builder and the arguments it was called with, defaults filled in."""

    def __init__(self, builder: Callable[..., Any], bound: inspect.BoundArguments):
        self.builder, self.bound = builder, bound
        where = (builder.__module__, builder.__qualname__)
        self.key: Hashable = (where, key_of(bound.arguments))
        self._hash = hash(self.key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Call) and self.key == other.key)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return shown(self.builder.__name__, self.bound)


def shown(name: str, bound: inspect.BoundArguments) -> str:
    """The call, without the arguments that are equal to their defaults."""
    words = []
    plain = True
    for argument, p in bound.signature.parameters.items():
        value = bound.arguments[argument]
        if p.kind is p.VAR_POSITIONAL:
            words += [show(v) for v in value]
        elif p.kind is p.VAR_KEYWORD:
            words += [f"{k}={show(v)}" for k, v in value.items()]
        elif p.default is not p.empty and key_of(value) == key_of(p.default):
            plain = False
        elif plain and p.default is p.empty and p.kind is not p.KEYWORD_ONLY:
            words.append(show(value))
        else:
            words.append(f"{argument}={show(value)}")
    return f"{name}({', '.join(words)})"


class Same:
    """Stands for a call where none is known: equal where the things are the same ones.

    Keeps them alive, so that no identity is ever used twice.
    """

    def __init__(self, *things: Any) -> None:
        self.things = things

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and [*map(id, self.things)] == [
            *map(id, other.things)
        ]

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.things)))

    def __repr__(self) -> str:
        return ", ".join(show(thing) for thing in self.things)


class Remembered:
    """Base of what is made by a builder: repr, equality and hash by the call."""

    call: Hashable
    """A `Call`, or what else says which thing this is."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remembered):
            return NotImplemented
        return self.call == other.call

    def __hash__(self) -> int:
        return hash(self.call)

    def __repr__(self) -> str:
        return repr(self.call)

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self.call, Call):
            raise TypeError(f"{self!r} was not made by a builder to be called again")
        builder, bound = self.call.builder, self.call.bound
        path = builder.__module__, builder.__qualname__
        return _call_again, (*path, bound.args, bound.kwargs)


def _call_again(module: str, name: str, args: Any, kwargs: Any) -> Any:
    """Pickle's way back: call what stands under the builder's name."""
    builder = operator.attrgetter(name)(importlib.import_module(module))
    return builder(*args, **kwargs)


def key_of(value: Any) -> Hashable:
    """A hashable stand-in for an argument, equal where the arguments are equal."""
    if isinstance(value, Tracer):
        return Same(value)
    if isinstance(value, Remembered):
        return value  # where Optax is loaded, a transform is a tuple for `isinstance`
    if is_array(value):
        array = np.asarray(jax.random.key_data(value) if is_key(value) else value)
        return "array", array.shape, str(array.dtype), array.tobytes()
    if isinstance(value, Mapping):
        return "mapping", frozenset((k, key_of(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(key_of(v) for v in value)
    if isinstance(value, Record):
        arrays, static = split(value)
        return "record", static, tuple(key_of(array) for array in arrays)
    if _hashable(value):
        return value
    return Same(value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def show(value: Any) -> str:
    """An argument, as it would be written down."""
    if isinstance(value, Tracer):
        return f"<traced {value.aval}>"
    if is_key(value):
        return f"wrap_key_data({jax.random.key_data(value).tolist()})"
    if is_array(value) and value.shape == ():
        return repr(value.item())
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {show(v)}' for k, v in value.items())}}}"
    if inspect.isroutine(value) or isinstance(value, type):
        return value.__qualname__
    return repr(value)
