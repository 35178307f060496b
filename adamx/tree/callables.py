"""The user's functions: tests for them, and the arguments that they take."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
from jax.tree_util import all_leaves

from adamx.tree.boxes import unbox
from adamx.tree.paths import MISFITS, flatten, is_none, structure


def is_function(x: Any, like: Any = None) -> bool:
    """Return whether `x` must be called, rather than read as a tree.

    A model, such as an Equinox module, is both: a tree that can be called. It is read
    as a tree if it has the structure of `like`, or of a prefix of it.
    """
    return is_plain_function(x) or (callable(x) and not is_prefix(x, like))


def is_plain_function(x: Any) -> bool:
    """Return whether `x` is a function, and not a callable pytree."""
    return callable(x) and all_leaves([x])


def is_prefix(tree: Any, like: Any) -> bool:
    """Return whether `tree` has the structure of `like`, or of a prefix of it."""
    try:
        prefix_leaves(tree, like)
    except MISFITS:
        return False
    return True


def prefix_leaves(tree: Any, like: Any) -> list[Any]:
    """Return the entry of `tree`, a prefix of `like`, for each leaf of `like`.

    Boxes are replaced by the leaves in them, so that one of the two may be boxed.

    Raises:
        ValueError, TypeError or KeyError: `tree` is not a prefix of `like`.
    """
    leaves, treedef = flatten(tree)
    if treedef == structure(like):
        return leaves
    tree, like = unbox(tree), unbox(like)
    whole = jax.tree.broadcast(tree, like, is_leaf=is_none)
    return structure(like).flatten_up_to(whole)


class Wanted(NamedTuple):
    """The arguments that a function takes."""

    required: int
    """The number of positional arguments without a default; `*args` does not count."""
    names: tuple[str, ...]
    """The arguments that can be given by name, in order, without `**kwargs`."""
    optional: frozenset[str]
    """The arguments with a default."""
    any_name: bool
    """Whether there is a `**kwargs`, which takes every name."""

    def missing(self, given: Iterable[str]) -> list[str]:
        """Return the names without a default that are not in `given`."""
        known = {*given, *self.optional}
        return [name for name in self.names if name not in known]

    def taken(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return the names in `given` that the function takes."""
        return tuple(n for n in given if self.any_name or n in self.names)


def wanted(function: Callable[..., Any], first: int = 0) -> Wanted:
    """Return the arguments that `function` takes, after the `first` positional ones.

    A builtin without a signature counts as a function of one argument.
    """
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except (ValueError, TypeError):
        return Wanted(1, (), frozenset(), False)
    return _wanted(parameters[_leading(parameters, first) :])


def _leading(parameters: list[inspect.Parameter], first: int) -> int:
    """Return how many parameters take the `first` positional arguments."""
    return min(first, sum(p.kind in POSITIONAL for p in parameters))


POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def _wanted(parameters: list[inspect.Parameter]) -> Wanted:
    named = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    has = {p.name for p in parameters if p.default is not p.empty}
    return Wanted(
        sum(p.kind in POSITIONAL and p.name not in has for p in parameters),
        tuple(p.name for p in parameters if p.kind in named),
        frozenset(has),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )
