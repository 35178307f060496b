"""One cycle up and down: super-convergence."""

import math

from adamx.errors import TransformError
from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, Positive, ShareOfSteps, Steps
from adamx.schedules.curves import Curve, cosine, linear, through
from adamx.types import Array, Scalar


@schedule
def cosine_onecycle_schedule(
    transition_steps: Steps,
    peak_value: AnyNumber,
    pct_start: ShareOfSteps = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Curve:
    """Go up to a peak and down below the beginning, on half periods of cosines.

    value(0) = P/d, value(⌊s·T⌋) = P, value(T) = P/(d·f)

    Args:
        transition_steps: T ≥ 1, an integer.
        peak_value: P, the largest value.
        pct_start: s in [0, 1], the share of T until the peak.
        div_factor: d > 0.
        final_div_factor: f > 0.

    Reference:
        Smith & Topin, "Super-Convergence", 2017, arXiv:1708.07120; Optax's
        `cosine_onecycle_schedule`; PyTorch's `OneCycleLR`, whose phases end one step
        earlier.

    Example:
        >>> from adamx.schedules import cosine_onecycle_schedule
        >>> cosine_onecycle_schedule(10, 1.0, div_factor=4.0)([0, 3]).tolist()
        [0.25, 1.0]
    """
    init = peak_value / div_factor
    points = [
        (_boundary(pct_start, transition_steps), peak_value),
        (transition_steps, init / final_div_factor),
    ]

    def value(count: Array) -> Scalar:
        return through(count, init, points, cosine)

    return value


@schedule
def linear_onecycle_schedule(
    transition_steps: Steps,
    peak_value: AnyNumber,
    pct_start: ShareOfSteps = 0.3,
    pct_final: ShareOfSteps = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Curve:
    """Go up to a peak, back, and on below the beginning, on straight lines.

    value(0) = P/d, value(⌊s·T⌋) = P, value(⌊e·T⌋) = P/d, value(T) = P/(d·f)

    See `cosine_onecycle_schedule` for the other arguments.

    Args:
        pct_final: e in [s, 1], the share of T until the value is back.

    Example:
        >>> from adamx.schedules import linear_onecycle_schedule
        >>> linear_onecycle_schedule(20, 1.0, div_factor=4.0)([0, 6, 17]).tolist()
        [0.25, 1.0, 0.25]
    """
    if pct_final < pct_start:
        raise TransformError(
            "linear_onecycle_schedule: pct_final is before pct_start",
            expected=f"pct_final in [{pct_start}, 1]",
            got=pct_final,
        )
    init = peak_value / div_factor
    points = [
        (_boundary(pct_start, transition_steps), peak_value),
        (_boundary(pct_final, transition_steps), init),
        (transition_steps, init / final_div_factor),
    ]

    def value(count: Array) -> Scalar:
        return through(count, init, points, linear)

    return value


def _boundary(share: float, steps: int) -> int:
    """Return the share of the steps, rounded down; 0.29 of 100 is 29, not 28.999…."""
    return math.floor(round(share * steps, 6))
