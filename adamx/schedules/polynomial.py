"""From one value to another along a power of time."""

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, AtLeastZero, Steps, StepsOrNone
from adamx.schedules.curves import (
    Curve,
    between,
    left,
    left_of_cycle,
    linear,
    raised,
    since,
)
from adamx.types import Array, Scalar


@schedule
def polynomial_schedule(
    init_value: AnyNumber,
    end_value: AnyNumber,
    power: AtLeastZero,
    transition_steps: Steps,
    transition_begin: StepsOrNone = 0,
    *,
    cycle: bool = False,
) -> Curve:
    """Go from one value to another along a power of the time that is left.

    value(t) = E + (I − E)·(1 − (t−B)/T)ᵖ for B ≤ t ≤ B+T, I before and E after

    With `cycle`, T grows to the next multiple of itself each time it is reached: the
    value rises again, each time less high (Keras's `cycle`).

    Args:
        init_value: I, the value at the beginning.
        end_value: E, the value at the end.
        power: p ≥ 0.
        transition_steps: T ≥ 1, an integer.
        transition_begin: B ≥ 0, an integer.
        cycle: whether to begin again at the end.

    Reference:
        Optax's `polynomial_schedule`, PyTorch's `PolynomialLR` (E = 0), Keras's
        `PolynomialDecay`.

    Example:
        >>> from adamx.schedules import polynomial_schedule
        >>> square = polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)
        >>> square([0, 2, 4, 9]).tolist()
        [1.0, 0.25, 0.0, 0.0]
    """

    def value(count: Array) -> Array:
        remaining = left_of_cycle if cycle else left
        share = remaining(since(count, transition_begin), transition_steps)
        return between(init_value, end_value, raised(share, power))

    return value


@schedule
def linear_schedule(
    init_value: AnyNumber,
    end_value: AnyNumber,
    transition_steps: Steps,
    transition_begin: StepsOrNone = 0,
) -> Curve:
    """Go from one value to another along a straight line.

    value(t) = E + (I − E)·(1 − (t−B)/T) for B ≤ t ≤ B+T, I before and E after

    See `polynomial_schedule` for the other arguments.

    Reference:
        Optax's `linear_schedule`, PyTorch's `LinearLR`.

    Example:
        >>> from adamx.schedules import linear_schedule
        >>> linear_schedule(1.0, 0.0, 4)([0, 1, 4, 9]).tolist()
        [1.0, 0.75, 0.0, 0.0]
    """

    def value(count: Array) -> Scalar:
        t = since(count, transition_begin)
        return linear(t, init_value, end_value, transition_steps)

    return value
