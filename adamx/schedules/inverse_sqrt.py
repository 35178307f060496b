"""Decay with the inverse square root of time."""

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, Steps
from adamx.schedules.curves import Curve, inverse_root
from adamx.types import Array


@schedule
def inverse_sqrt_schedule(init_value: AnyNumber, transition_steps: Steps = 1) -> Curve:
    """Divide by the square root of a number that grows by the same amount each step.

    value(t) = v₀ / √(1 + t/T)

    Args:
        init_value: v₀, the value at step 0.
        transition_steps: T ≥ 1, an integer: after 3·T steps half of v₀ is left.

    Reference:
        Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, without
        the warm-up; Optax has none.

    Example:
        >>> from adamx.schedules import inverse_sqrt_schedule
        >>> inverse_sqrt_schedule(1.0, 10)([0, 30]).tolist()
        [1.0, 0.5]
    """

    def value(count: Array) -> Array:
        return inverse_root(count, init_value, transition_steps)

    return value
