"""Random keys, and noise that does not depend on the precision it is added in."""

from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.dtypes import cast
from adamx.tree.leaves import is_prng_key
from adamx.types import Array

KeyLike: TypeAlias = int | Array
"""A random key, one of the old kind, or an integer to make one of."""


def random_key(key: KeyLike) -> Array:
    """Return the key that `key` is, or that is made of it."""
    if is_prng_key(key):
        return key  # pyright: ignore[reportReturnType]
    # The old kind of key is an array of two integers.
    if isinstance(key, Array) and key.ndim:
        return jax.random.wrap_key_data(key)
    return jax.random.key(key)


def normal(key: Array, like: Array) -> Array:
    """Draw standard normal numbers in the shape and dtype of `like`.

    Drawn in single precision always: in double the same noise is added. Of a complex
    number the variance is 1 of both parts together.
    """
    dtype = jnp.complex64 if jnp.iscomplexobj(like) else jnp.float32
    return cast(jax.random.normal(key, like.shape, dtype), like.dtype)
