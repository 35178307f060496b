"""The jit of eager calls; under a trace, functions are called directly."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
from jax.core import Tracer
from jax.tree_util import Partial

from adamx.tree.callables import is_plain_function

F = TypeVar("F", bound=Callable[..., Any])


def is_tracer(x: object) -> bool:
    """Return whether `x` is a tracer."""
    return isinstance(x, Tracer)


def tracing(*trees: Any) -> bool:
    """Return whether any leaf is a tracer."""
    return any(map(is_tracer, jax.tree.leaves(trees)))


def compiled(function: F) -> F:
    """Jit a function of lists of arrays, for calls with concrete arrays.

    Under a trace the function is called directly, because a nested jit costs time for
    each leaf. The arguments must be lists, because `jax.jit` keeps the static parts of
    its arguments alive.
    """
    jitted = jax.jit(function)

    def call(*args: Any) -> Any:
        return (function if tracing(args) else jitted)(*args)

    return call  # pyright: ignore[reportReturnType]


def is_value(x: object) -> bool:
    """Return whether `jax.jit` takes `x` as an array."""
    return hasattr(x, "dtype") or isinstance(x, int | float | complex)


def traceable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap functions among the arguments in `Partial`, which makes them constants."""
    return {k: Partial(v) if is_plain_function(v) else v for k, v in extra.items()}
