"""Compile what is called eagerly; leave alone what is being traced."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
from jax.core import Tracer
from jax.tree_util import Partial

from adamx.tree.callables import is_plain_function

F = TypeVar("F", bound=Callable[..., Any])


def is_tracer(x: object) -> bool:
    """Whether `x` is a tracer."""
    return isinstance(x, Tracer)


def tracing(*trees: Any) -> bool:
    """Whether any leaf is a tracer."""
    return any(map(is_tracer, jax.tree.leaves(trees)))


def compiled(function: F) -> F:
    """`function` of lists of arrays, jitted where these are concrete.

    Under a trace a jit of its own would only cost: it names every leaf anew. Lists
    alone, because a jit would hold what is static in a tree of the user's.
    """
    jitted = jax.jit(function)

    def call(*args: Any) -> Any:
        return (function if tracing(args) else jitted)(*args)

    return call  # pyright: ignore[reportReturnType]


def is_value(x: object) -> bool:
    """Whether a jit takes `x` for an array."""
    return hasattr(x, "dtype") or isinstance(x, int | float | complex)


def traceable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as pytrees: a function is a constant of the program."""
    return {k: Partial(v) if is_plain_function(v) else v for k, v in extra.items()}
