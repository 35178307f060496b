"""Calls of the user's functions, and one error for functions that cannot be traced."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from adamx.errors import TransformError

UNTRACEABLE: tuple[tuple[type[Exception], str], ...] = (
    (
        jax.errors.TracerBoolConversionError,
        "use jnp.where or jax.lax.cond in the place of if, and jnp.minimum for min",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "use jax.numpy in the place of NumPy, as jnp.cos for np.cos",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "use jnp.asarray(…)[i] in the place of an index into a list",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "use jnp.where in the place of an index of bools",
    ),
    (
        jax.errors.ConcretizationTypeError,
        "use jax.numpy in the place of Python's int, float, range and math",
    ),
)
"""JAX's errors about code that needs the value of a tracer, each with a hint."""


@contextmanager
def user_code(
    argument: str, piece: str | None, hint: str | None = None
) -> Iterator[None]:
    """Raise an error with argument and piece if the user's function cannot be traced.

    Raises:
        TransformError: a function that is called inside needs the value of a tracer.
    """
    try:
        yield
    except tuple(kind for kind, _ in UNTRACEABLE) as error:
        hints = (text for kind, text in UNTRACEABLE if isinstance(error, kind))
        raise TransformError(
            f"the function given as {argument} cannot be traced",
            piece=piece,
            expected="a function that jax.jit can compile",
            got=str(error).partition("\n")[0],
            hint=hint or next(hints),
        ) from error


OF_STRUCTURE = "look at structure, paths, shapes and dtypes alone, never at values"
"""The hint for functions of masks, labels and views, which must be static."""
