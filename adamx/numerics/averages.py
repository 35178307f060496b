"""Averages over time, and counts of steps."""

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import times
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Scalar


def moving_average(average: Array, x: Array, decay: Scalar) -> Array:
    """Return decay·average + (1−decay)·x, as one step towards x.

    Written with 1−decay, which is exact for a Python number: 1 − float32(0.999) would
    be 1.3e-5 off.
    """
    return jax.lax.add(average, times(jax.lax.sub(x, average), 1 - decay))


def lerp(average: Array, x: Array, share: Scalar) -> Array:
    """Return (1−share)·average + share·x, for a share that is known exactly."""
    return jax.lax.add(average, times(jax.lax.sub(x, average), share))


def running_mean(mean: Array, x: Array, count: Array) -> Array:
    """Return the mean of `count` numbers, from that before and the last number x.

    A float32 sum of numbers of one size stops growing after 2²⁴ of them, and is
    rounded to the same side many times before. A mean of them just stays.
    """
    return mean + (x - mean) / count.astype(mean.dtype)


def share_of_weights(mean: Array, weight: Array, count: Array) -> tuple[Array, Array]:
    """Return the mean of `count` weights ≥ 0, and the share of the last in their sum.

    The share is 0 as long as no weight was positive.
    """
    mean = running_mean(mean, weight, count)
    seen = mean > 0
    share = weight / jnp.where(seen, mean, 1) / count.astype(mean.dtype)
    return mean, jnp.where(seen, share, 0)


def ema_weight_sum(decay: Scalar, count: Array) -> Array:
    """Return 1 − bᵗ, the sum of the weights of a moving average, to the last digit."""
    t = count.astype(scalar_dtype())
    return -jnp.expm1(t * jnp.log1p(-jnp.asarray(1 - decay, t.dtype)))


def mean_age(decay: Scalar, count: Array) -> Array:
    """Return the mean age, in steps from 1, of the terms of a moving average.

    1/(1−b) − t·bᵗ/(1−bᵗ) after t steps. In float32 nothing of the difference would be
    right at first; with c(y) = 1/y − 1/(eʸ−1) and x = −log b it is 1 − c(x) + t·c(x·t).
    """
    t = count.astype(scalar_dtype())
    x = -jnp.log1p(-jnp.asarray(1 - decay, t.dtype))
    return 1 - _distance_to_reciprocal(x) + t * _distance_to_reciprocal(x * t)


def _distance_to_reciprocal(y: Array) -> Array:
    """Return 1/y − 1/(eʸ−1), from 1/2 at 0 down to 0."""
    large = jnp.where(y > 1, y, 1)
    small = jnp.where(y > 1, 1, y)
    # Bernoulli's numbers; what is left out is below 1e-15 of y.
    terms = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)
    terms += (-691 / 1307674368000, 1 / 74724249600, -3617 / 10670622842880000)
    series = small * jnp.polyval(jnp.array(terms[::-1], y.dtype), small * small)
    return jnp.where(y > 1, 1 / large - 1 / jnp.expm1(large), 0.5 - series)


def next_count(count: Array) -> Array:
    """Count + 1, staying at the integer's end instead of wrapping round."""
    return jnp.where(count < jnp.iinfo(count.dtype).max, count + 1, count)


def is_refresh_step(count: Array, every: int) -> Array:
    """Return whether step `count`, from 1, is 1 or a multiple of `every` after it."""
    return (count - 1) % every == 0
