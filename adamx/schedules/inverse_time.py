"""Decay with the inverse of time."""

from collections.abc import Callable

import jax.numpy as jnp

from adamx.core.hyper import schedule
from adamx.core.numerics import scalar_dtype
from adamx.core.types import Array


@schedule
def inverse_time_decay_schedule(
    init_value: float, decay_rate: float, transition_steps: float = 1.0
) -> Callable[[Array], Array]:
    """Divide by a number that grows by the same amount each step.

    value(t) = v₀ / (1 + d·t/T)

    With T = 1 it is the `decay` argument of Keras's optimizers.

    Args:
        init_value: v₀, the value at step 0.
        decay_rate: d ≥ 0, how much is added to the divisor in T steps.
        transition_steps: T > 0.

    Returns:
        A function from the step count, of shape (), to the value, a float scalar.

    Raises:
        TypeError: an argument is not a number.

    Reference:
        Keras's `InverseTimeDecay`.

    Example:
        >>> from adamx.schedules import inverse_time_decay_schedule
        >>> float(inverse_time_decay_schedule(1.0, decay_rate=0.5)(2))
        0.5
    """

    def value(count: Array) -> Array:
        progress = jnp.asarray(count, scalar_dtype()) / transition_steps
        return init_value / (1 + decay_rate * progress)

    return value
