"""Errors about calls that do not fit the arguments of a function."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from adamx.errors import ArgumentError, nearest
from adamx.hyperparameters.signature import without_types
from adamx.hyperparameters.vocabulary import IN_INIT, translated
from adamx.tree.callables import POSITIONAL
from adamx.tree.kinds import kind_of, shown_value


def bind_call(
    name: str,
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Return the arguments of a call by name, as `inspect.Signature.bind` does.

    Raises:
        ArgumentError: an argument is unknown, missing, given twice or one too many.
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError:
        raise _unbound(name, signature, args, kwargs) from None


def _unbound(
    name: str,
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> ArgumentError:
    """Return the error about a call, which reports unknown names first."""
    parameters = signature.parameters.values()
    several = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    known = [p.name for p in parameters if p.kind not in several]
    by_position = [p.name for p in parameters if p.kind in POSITIONAL]
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = by_position[: len(args)]
    unknown = [k for k in kwargs if k not in known and not any_name]
    twice = [k for k in taken if k in kwargs]
    surplus = args[len(by_position) :]
    hints = [_hint(k, kwargs[k], name, known) for k in unknown]
    if args and kind_of(args[0]).name in ("tree", "iterator"):
        hints.append(IN_INIT)
    got = None
    if unknown:
        what = f"{name} has no argument{_quoted(unknown)}"
        got = ", ".join(f"{k}={shown_value(kwargs[k])}" for k in unknown)
    elif twice:
        value = kwargs[twice[0]]
        what = f"{name}: `{twice[0]}` is given twice"
        got = f"{shown_value(args[known.index(twice[0])])}, and {shown_value(value)}"
        hints.append(f"give it by position or as {twice[0]}=…")
    elif surplus:
        most = len(by_position)
        what = f"{name} is given {len(args)} arguments by position, and takes {most}"
        got = f"{shown_value(surplus[0])} as argument {most + 1}"
        later = [f"{k}=…" for k in known if k not in by_position]
        later += ["name=…"] if any_name else []
        hints += [f"give the rest by name: {', '.join(later)}"] if later else []
    else:
        empty = [p.name for p in parameters if p.default is p.empty]
        missing = [k for k in empty if k in known and k not in {*taken, *kwargs}]
        what = f"{name} is missing the argument{_quoted(missing)}"
        hints.append(f"call {name}({', '.join(k for k in empty if k in known)})")
    return ArgumentError(
        what,
        expected=f"{name}{without_types(signature)}",
        got=got,
        hint="; ".join(filter(None, hints)) or None,
    )


def _hint(name: str, value: Any, builder: str, known: list[str]) -> str | None:
    """Return the adamx name of an unknown argument, or the most similar name."""
    return translated(name, value, builder, known) or nearest(name, known)


def _quoted(names: list[str]) -> str:
    """Return names to put after the word "argument"."""
    return "s" * (len(names) > 1) + " " + ", ".join(f"`{name}`" for name in names)
