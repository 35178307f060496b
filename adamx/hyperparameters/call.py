"""Objects with repr, equality and hash by the call that made them."""

import inspect
from collections.abc import Callable, Hashable
from typing import Any

import jax

from adamx.hyperparameters.keys import PLAIN, Keyed, key_of, show


class Call(Keyed):
    """A builder and its arguments, with defaults filled in.

    For a user's builder, the key includes the numbers in `made`, because a variable
    that the builder reads may change between two calls.
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
    """A key of the parts, for an object that no recorded call made."""

    def __init__(self, *parts: Any) -> None:
        self.parts, self.key = parts, key_of(parts)

    def __repr__(self) -> str:
        return ", ".join(map(show, self.parts))


def shown(name: str, bound: inspect.BoundArguments) -> str:
    """Return the call as source code, without arguments that equal their defaults."""
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
    """Base of objects with repr, equality and hash by the builder's call.

    They are immutable, so a copy is the object itself. Pickle calls the builder again.
    """

    call: Hashable
    """A `Call`, or another key of the object."""

    @property
    def key(self) -> Hashable:
        """Return the key that equality and hash compare."""
        return self.call

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments of the class that rebuild an object without a call."""
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
