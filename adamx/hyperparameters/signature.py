"""Readable signatures: annotations by name, as in the source."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from adamx.hyperparameters.keys import show

Names = list[tuple[Any, str]]
"""Types and aliases, each with its name."""


class Written(str):
    """An annotation as source code; `help` shows it without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def readable(
    function: Callable[..., Any], module: Mapping[str, Any], returns: str
) -> inspect.Signature:
    """Return the signature of `function` with the names of its annotations.

    `Decay` is shown as `Decay`, and not as the union and the interval in this alias.

    Args:
        function: a function with annotations.
        module: where to look up the names of the annotations.
        returns: the return annotation to show.
    """
    names = _names(module)
    parameters = [
        p if p.annotation is p.empty else p.replace(annotation=_written(p, names))
        for p in inspect.signature(function).parameters.values()
    ]
    return inspect.Signature(parameters, return_annotation=Written(returns))


def without_types(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without annotations, as errors show it."""
    parameters = [
        p.replace(annotation=p.empty)
        if p.default is p.empty
        else p.replace(annotation=p.empty, default=Written(show(p.default)))
        for p in signature.parameters.values()
    ]
    return inspect.Signature(parameters)


def _written(parameter: inspect.Parameter, names: Names) -> Written:
    return Written(_text(parameter.annotation, names))


def _names(module: Mapping[str, Any]) -> Names:
    """Return the types and aliases of a module with their names, long unions first.

    Any is left out, because several aliases are equal to it.
    """
    found = [(x, name) for name, x in module.items() if x is not Any and _is_type(x)]
    return sorted(found, key=lambda pair: -len(_alternatives(pair[0])))


def _is_type(x: Any) -> bool:
    return isinstance(x, type) or typing.get_origin(x) is not None


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; none for any other annotation."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else ()


def _text(hint: Any, names: Names) -> str:
    """Return an annotation as source code."""
    for value, name in names:
        if value == hint:
            return name
    if isinstance(hint, list):
        return f"[{_joined(hint, names)}]"
    if parts := _alternatives(hint):
        return _joined(_with_aliases(parts, names), names, " | ")
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _text(args[0], names)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None:
        return f"{_text(origin, names)}[{_joined(args, names)}]"
    known = {types.NoneType: "None", ...: "..."}
    return hint if isinstance(hint, str) else known.get(hint) or hint.__name__


def _joined(hints: Iterable[Any], names: Names, by: str = ", ") -> str:
    return by.join(_text(hint, names) for hint in hints)


def _with_aliases(parts: Sequence[Any], names: Names) -> Sequence[Any]:
    """Return the members of a union, with an alias in place of its members.

    Otherwise aliases are lost, because Python flattens `int | ScalarOrSchedule`.
    """
    for alias, _ in names:
        within = _alternatives(alias)
        if within and all(part in parts for part in within):
            first, *rest = within
            parts = [alias if x == first else x for x in parts if x not in rest]
    return parts
