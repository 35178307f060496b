"""Kinds of values, for errors about a value in the place of another."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import jax
import numpy as np

from adamx.tree.text import shortened, without_middle

F = TypeVar("F", bound=Callable[..., Any])


class Kind(NamedTuple):
    """The kind of a value."""

    name: str
    """The family, which selects a hint."""
    text: str
    """A phrase with an article, for the first line of an error."""


class NotGiven:
    """The type of `NOT_GIVEN`."""

    def __repr__(self) -> str:
        return "nothing"


NOT_GIVEN: Any = NotGiven()
"""The default of an argument that is required, so that its absence can be reported."""


def reports_absence(function: F) -> F:
    """Give the required arguments of a function the default `NOT_GIVEN`.

    Type checkers and `help` show them as required. There is no wrapper, because each
    step would call it.
    """
    at_run_time: Any = function
    signature = inspect.signature(function)
    defaults = [
        NOT_GIVEN if p.default is p.empty else p.default
        for p in signature.parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"
    ]
    at_run_time.__signature__, at_run_time.__defaults__ = signature, tuple(defaults)
    return function


def kind_of(x: Any) -> Kind:
    """Return the kind of `x`, in the user's words."""
    if x is NOT_GIVEN:
        return Kind("nothing", "left out")
    if x is None:
        return Kind("none", "None")
    if isinstance(x, bool | np.bool_):
        return Kind("bool", "a bool")
    if isinstance(x, str | bytes):
        return Kind("string", "a string")
    if makes(x) is not None:
        return Kind("builder", f"the function {x.__name__}, which is not called")
    if isinstance(x, type):
        return Kind("class", f"the class {x.__name__}")
    if inspect.isroutine(x):
        return Kind("function", "a function")
    if isinstance(x, Iterator):
        return Kind("iterator", f"a {type(x).__name__}")
    for attributes, kind in BY_ATTRIBUTES.items():
        if all(hasattr(x, name) for name in attributes):
            return kind
    if isinstance(x, jax.Array | np.ndarray | np.generic):
        return Kind("array", "an array")
    if isinstance(x, complex):
        return Kind("complex", "a complex number")
    if isinstance(x, int | float):
        return Kind("number", "a number")
    if isinstance(x, list | tuple) and x:
        return _several(x)
    if isinstance(x, Mapping | list | tuple) or not jax.tree_util.all_leaves([x]):
        return Kind("tree", "a tree of arrays" if _has_arrays(x) else _named(x))
    return Kind("function", "a function") if callable(x) else Kind("other", _named(x))


BY_ATTRIBUTES = {
    ("init", "update"): Kind("transform", "a transform"),
    ("slots", "step", "resolve"): Kind("rule", "a rule"),
    ("function", "call", "__call__"): Kind("schedule", "a schedule"),
    ("source", "tx"): Kind("branch", "a branch of a fork"),
}
"""Kinds of adamx's objects by attributes, because this room cannot import classes of
later rooms."""


def _several(x: list[Any] | tuple[Any, ...]) -> Kind:
    kinds = {kind_of(part).name for part in x}
    for name, words in SEVERAL.items():
        if kinds == {name}:
            return Kind(f"{name}s", f"a {type(x).__name__} of {words}")
    arrays = _has_arrays(x)
    return Kind("tree", f"a {type(x).__name__}{' of arrays' if arrays else ''}")


SEVERAL = {
    "transform": "transforms",
    "number": "numbers",
    "string": "strings",
    "rule": "rules",
}
"""Families whose lists are a kind of their own, with the plural."""


def _has_arrays(x: Any) -> bool:
    return any(isinstance(leaf, jax.Array | np.ndarray) for leaf in jax.tree.leaves(x))


def _named(x: Any) -> str:
    name = type(x).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def makes(x: Any) -> Literal["Transform", "Schedule"] | None:
    """Return the class that a builder of adamx makes; None for any other value."""
    # Check the module, because `functools.wraps` copies `__signature__`.
    module = x.__globals__.get("__name__", "") if inspect.isfunction(x) else ""
    signature = vars(x).get("__signature__") if module.startswith("adamx.") else None
    returns = getattr(signature, "return_annotation", None)
    return returns if returns in ("Transform", "Schedule") else None


def call_of(function: Any) -> str:
    """Return a call with the required arguments, such as `adam(learning_rate)`."""
    name = getattr(function, "__name__", "it")
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return f"{name}(…)"
    needed = [p.name for p in parameters if p.default is p.empty]
    return f"{name}({', '.join(needed)})"


def shown_value(x: Any) -> str:
    """Return a value as text for the row `got`, short even for a large tree."""
    if kind_of(x).name == "tree" and _has_arrays(x):
        pairs, _ = jax.tree_util.tree_flatten_with_path(x)
        paths = [jax.tree_util.keystr(path) for path, _ in pairs]
        return f"{_named(x)} with {shortened(paths, WIDTH)}"
    return without_middle(" ".join(repr(x).split()), WIDTH)


WIDTH = 150
"""The largest number of characters of a value in an error."""
