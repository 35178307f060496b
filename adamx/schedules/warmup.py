"""A rate that is reached little by little."""

import functools

import jax.numpy as jnp

from adamx.core.hyper import Schedule, derived, positive_integer
from adamx.core.numerics import scalar_dtype
from adamx.core.types import Array, Scalar, ScalarOrSchedule


def warmed_up(rate: ScalarOrSchedule, steps: int | None) -> ScalarOrSchedule:
    """`rate` times t/steps in step t = 1, 2, … up to `steps`; None for no warm-up."""
    if steps is None:
        return rate
    positive_integer("warm-up", "warmup_steps", steps)
    return derived(_times, rate, _share(steps))


def _times(rate: Scalar, share: Scalar) -> Scalar:
    return rate * share


@functools.cache
def _share(steps: int) -> Schedule:
    def share(count: Array) -> Array:
        done = jnp.minimum(count, steps - 1) + 1
        return done.astype(scalar_dtype()) / steps

    return Schedule(share)
