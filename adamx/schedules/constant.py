"""A constant schedule."""

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber
from adamx.schedules.curves import Curve, staying


@schedule
def constant_schedule(value: AnyNumber) -> Curve:
    """Stay at one value.

    value(t) = v

    Args:
        value: v, any number.

    Reference:
        Optax's `constant_schedule`.

    Example:
        >>> from adamx.schedules import constant_schedule
        >>> float(constant_schedule(0.5)(1000))
        0.5
    """
    return staying(value)
