"""Dtypes that hold several others, whatever promotion the user allows."""

from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp

from adamx.types import Array


def common_dtype(
    first: jax.typing.DTypeLike, *others: jax.typing.DTypeLike
) -> jnp.dtype:
    """Return the dtype that JAX promotes these dtypes to.

    The promotion is explicit, so `jax.numpy_dtype_promotion("strict")` allows it.
    """
    with jax.numpy_dtype_promotion("standard"):
        return reduce(jnp.promote_types, others, jnp.dtype(first))


WIDE = frozenset(
    jnp.dtype(name) for name in ("float32", "float64", "complex64", "complex128")
)
"""The dtypes that are their own compute dtype."""


def compute_dtype(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """Return the dtype of states and arithmetic for `dtype`: float32 at the least."""
    if dtype in WIDE:
        return dtype  # pyright: ignore[reportReturnType]
    return common_dtype(dtype, jnp.float32)


def scalar_dtype() -> jnp.dtype:
    """Return float64 if x64 is enabled, otherwise float32."""
    return jax.dtypes.canonicalize_dtype(jnp.float64)


def real_dtype(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """Return the dtype of the absolute value of an array of `dtype`."""
    return jnp.finfo(dtype).dtype


def cast(x: Array, dtype: jax.typing.DTypeLike) -> Array:
    """Return `x` in `dtype`, strongly typed; no operation if it is so already."""
    if x.dtype == dtype and not x.aval.weak_type:
        return x
    return x.astype(dtype)


def cast_like(*pairs: tuple[Array, Array]) -> list[Array]:
    """Return the first array of each pair in the dtype of the second; see `cast`."""
    return [
        x if x.dtype == y.dtype and not x.aval.weak_type else x.astype(y.dtype)
        for x, y in pairs
    ]


def cast_scalar(x: Any, dtype: jax.typing.DTypeLike) -> Any:
    """Return a shared scalar in the dtype of the leaf; counts and keys as they are."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return cast(jnp.asarray(x), dtype)


def cast_saturating(x: Array, dtype: jax.typing.DTypeLike) -> Array:
    """Return `x` in `dtype`; what would overflow becomes the largest number."""
    other = x.dtype != dtype and jnp.issubdtype(dtype, jnp.inexact)
    if other and jnp.finfo(dtype).max < jnp.finfo(x.dtype).max:
        return _saturated(x, jnp.dtype(dtype))
    return cast(x, dtype)


@partial(jax.jit, static_argnums=1)
def _saturated(x: Array, dtype: jnp.dtype) -> Array:
    top = float(jnp.finfo(dtype).max)
    return jnp.where(jnp.isinf(x), x, jnp.clip(x, -top, top)).astype(dtype)
