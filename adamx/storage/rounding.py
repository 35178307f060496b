"""Stochastic rounding: up or down randomly, without bias."""

import jax
import jax.numpy as jnp

from adamx.numerics.dtypes import cast_saturating
from adamx.types import Array


def stochastic_round(x: Array, dtype: jax.typing.DTypeLike, key: Array | None) -> Array:
    """Round `x` to a dtype of fewer bits; the mean over all keys is `x` itself.

    For neighbours a ≤ x < b the result is b with probability (x − a)/(b − a). Without a
    key it is the nearest. A finite number that would overflow becomes the largest of
    the dtype.

    Reference:
        Gupta et al., "Deep Learning with Limited Numerical Precision", 2015,
        arXiv:1502.02551.
    """
    near = cast_saturating(x, dtype)
    if key is None or near.dtype == x.dtype:
        return near
    # The derivative is 1, whichever way x is rounded.
    wide, low = jax.lax.stop_gradient((x, near))
    rest = wide - low.astype(x.dtype)
    away = jnp.where(rest > 0, jnp.inf, -jnp.inf).astype(dtype)
    other = jnp.nextafter(low, away)
    gap = jnp.abs(other.astype(x.dtype) - low.astype(x.dtype))
    chance = jax.random.uniform(key, x.shape, x.dtype)
    taken = (jnp.abs(rest) > chance * gap) & jnp.isfinite(other) & jnp.isfinite(rest)
    return near + jnp.where(taken, other - low, 0)
