"""Decay with the inverse of time."""

import jax.numpy as jnp

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, AtLeastZero, Positive
from adamx.schedules.curves import Curve, as_float, since
from adamx.types import Array


@schedule
def inverse_time_decay_schedule(
    init_value: AnyNumber,
    decay_rate: AtLeastZero,
    transition_steps: Positive = 1.0,
    *,
    staircase: bool = False,
) -> Curve:
    """Divide by a number that grows by the same amount each step.

    value(t) = v₀ / (1 + d·t/T)

    With T = 1 it is the `decay` argument of Keras's optimizers.

    Args:
        init_value: v₀, the value at step 0.
        decay_rate: d ≥ 0, how much is added to the divisor in T steps.
        transition_steps: T > 0.
        staircase: whether t/T is rounded down: steps instead of a curve.

    Reference:
        Keras's `InverseTimeDecay`, whose order of arguments is v₀, T, d.

    Example:
        >>> from adamx.schedules import inverse_time_decay_schedule
        >>> float(inverse_time_decay_schedule(1.0, decay_rate=0.5)(2))
        0.5
    """
    whole = isinstance(transition_steps, float) and transition_steps.is_integer()

    def value(count: Array) -> Array:
        t = since(count, 0)
        if staircase and whole:
            progress = as_float(t // int(transition_steps))
        else:
            progress = as_float(t) / transition_steps
            progress = jnp.floor(progress) if staircase else progress
        return init_value / (1 + decay_rate * progress)

    return value
