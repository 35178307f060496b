"""Tests of the kind of a leaf."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def is_array(x: object) -> bool:
    """Return whether `x` is an array, and so an argument of a program, not a constant.

    Tracers are arrays, too.
    """
    return isinstance(x, jax.Array | np.ndarray)


def is_prng_key(x: Any) -> bool:
    """Return whether `x` is an array of typed random keys, as from `jax.random.key`."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
