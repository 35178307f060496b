"""A thing remembers the call that made it: repr, equality and hash are by it."""

import inspect
from collections.abc import Callable, Hashable
from typing import Any

import jax

from adamx.hyperparameters.keys import PLAIN, Keyed, key_of, show


class Call(Keyed):
    """A builder and the arguments it was called with, defaults filled in.

    Of a builder that a user wrote, `made` is a part of the key too: the numbers in it
    show a variable that the builder read, and that was changed between two calls.
    """

    def __init__(
        self, builder: Callable[..., Any], bound: inspect.BoundArguments, made: Any = ()
    ) -> None:
        self.builder, self.bound = builder, bound
        who = key_of(builder)
        found = () if who is builder else tuple(map(key_of, _numbers(made)))
        self.key = who, key_of(bound.arguments), found
        self._hash = hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def __repr__(self) -> str:
        return shown(self.builder.__name__, self.bound)


def _numbers(made: Any) -> list[Any]:
    """Return the numbers, names and flags in what a builder made."""
    return [x for x in jax.tree.leaves(made) if type(x) in PLAIN]


class NoCall(Keyed):
    """Stand for a call where none is known: equal where the parts are the same ones."""

    def __init__(self, *parts: Any) -> None:
        self.parts, self.key = parts, key_of(parts)

    def __repr__(self) -> str:
        return ", ".join(map(show, self.parts))


def shown(name: str, bound: inspect.BoundArguments) -> str:
    """Return the call, without the arguments that are equal to their defaults."""
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


class EqualByCall(Keyed):
    """Base of what is made by a builder: repr, equality and hash by the call.

    It never changes, so that it is its own copy. Pickle calls the builder again.
    """

    call: Hashable
    """A `Call`, or what else says which thing this is."""

    @property
    def key(self) -> Hashable:
        """Return the key that equality and hash compare."""
        return self.call

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments of the class that make it again, without a call."""
        raise TypeError(f"{self!r} was not made by a builder to be called again")

    def __repr__(self) -> str:
        return repr(self.call)

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self.call, Call):
            return type(self), self.parts()
        bound = self.call.bound
        return _call_again, (self.call.builder, bound.args, bound.kwargs)

    def __copy__(self) -> "EqualByCall":
        return self

    def __deepcopy__(self, memo: Any) -> "EqualByCall":
        return self


def _call_again(builder: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return builder(*args, **kwargs)
