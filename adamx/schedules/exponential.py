"""Decay or growth by the same factor in each stretch of steps."""

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, Positive, Steps, StepsOrNone
from adamx.schedules.curves import Curve, exponential, since
from adamx.types import Array


@schedule
def exponential_decay(
    init_value: AnyNumber,
    transition_steps: Steps,
    decay_rate: Positive,
    transition_begin: StepsOrNone = 0,
    staircase: bool = False,
    end_value: AnyNumber | None = None,
) -> Curve:
    """Multiply by the same factor in each stretch of steps.

    value(t) = I·r^((t−B)/T) for t ≥ B, I before

    It stops at `end_value`: a lower bound if r < 1, otherwise an upper one. A growing
    value stays before it would overflow.

    Args:
        init_value: I, the value at the beginning.
        transition_steps: T ≥ 1, an integer.
        decay_rate: r > 0, the factor for T steps.
        transition_begin: B ≥ 0, an integer.
        staircase: whether (t−B)/T is rounded down: steps instead of a curve.
        end_value: where to stop; None for nowhere.

    Reference:
        Optax's `exponential_decay`, Keras's `ExponentialDecay`, PyTorch's
        `ExponentialLR` (T = 1) and `StepLR` (staircase).

    Example:
        >>> from adamx.schedules import exponential_decay
        >>> exponential_decay(1.0, 2, 0.25)([0, 1, 2]).tolist()
        [1.0, 0.5, 0.25]
    """

    def value(count: Array) -> Array:
        t = since(count, transition_begin)
        steps = transition_steps
        return exponential(t, init_value, steps, decay_rate, staircase, end_value)

    return value
