"""Dtypes that hold several others, whatever promotion the user allows."""

from functools import reduce

import jax
import jax.numpy as jnp


def common_dtype(
    first: jax.typing.DTypeLike, *others: jax.typing.DTypeLike
) -> jnp.dtype:
    """Return the dtype that JAX promotes these dtypes to.

    The promotion is explicit, so `jax.numpy_dtype_promotion("strict")` allows it.
    """
    with jax.numpy_dtype_promotion("standard"):
        return reduce(jnp.promote_types, others, jnp.dtype(first))
