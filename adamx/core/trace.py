"""Compile what is called eagerly; leave alone what is being traced."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
from jax.core import Tracer
from jax.tree_util import Partial, all_leaves

F = TypeVar("F", bound=Callable[..., Any])


def tracing(*trees: Any) -> bool:
    """Whether any leaf is a tracer."""
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(trees))


def compiled(function: F) -> F:
    """`function`, jitted where its arguments are concrete.

    Under a trace a jit of its own would only cost: it names every leaf anew. What no
    jit takes, such as a function among the leaves of a model, `function` has to see.
    """
    jitted = jax.jit(function)

    def call(*args: Any) -> Any:
        if tracing(args):
            return function(*args)
        try:
            return jitted(*args)
        except TypeError:
            if all(map(_is_value, jax.tree.leaves(args))):
                raise
        return function(*args)

    return call  # pyright: ignore[reportReturnType]


def traceable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for a jit: a function is a constant of the program.

    A `Partial` brings its arrays along, as a model does that can be called.
    """
    return {
        k: Partial(v) if callable(v) and all_leaves([v]) else v
        for k, v in extra.items()
    }


def _is_value(x: object) -> bool:
    return hasattr(x, "dtype") or isinstance(x, int | float | complex)
