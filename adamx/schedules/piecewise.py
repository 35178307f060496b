"""Values given at boundaries, jumped to or approached."""

from typing import Annotated, Literal

from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, Scales
from adamx.schedules.curves import Curve, cosine, joined, linear, staying, through
from adamx.types import Array, Scalar

CURVES = {"linear": linear, "cosine": cosine}

CurveType = Annotated[Literal["linear", "cosine"], OneOf(("linear", "cosine"))]


@schedule
def piecewise_constant_schedule(
    init_value: AnyNumber, boundaries_and_scales: Scales | None = None
) -> Curve:
    """Jump at boundaries.

    value(t) = I·Π sᵢ over all i with t ≥ bᵢ

    Args:
        init_value: I, the value at the beginning.
        boundaries_and_scales: {bᵢ: sᵢ}, integers ≥ 0 and numbers ≥ 0.

    Reference:
        Optax's `piecewise_constant_schedule`, PyTorch's `MultiStepLR`, Keras's
        `PiecewiseConstantDecay` (which has the old value at the boundary itself).

    Example:
        >>> from adamx.schedules import piecewise_constant_schedule
        >>> piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.5})([1, 2, 4]).tolist()
        [1.0, 0.5, 0.25]
    """
    points = _multiplied(init_value, boundaries_and_scales or {})
    curves = [staying(init_value), *(staying(value) for _, value in points)]

    def value(count: Array) -> Scalar:
        return joined(count, curves, [boundary for boundary, _ in points])

    return value


@schedule
def piecewise_interpolate_schedule(
    interpolate_type: CurveType,
    init_value: AnyNumber,
    boundaries_and_scales: Scales | None = None,
) -> Curve:
    """Go from value to value between boundaries, on lines or half periods of cosines.

    value(bᵢ) = I·s₁·…·sᵢ

    See `piecewise_constant_schedule` for the other arguments.

    Args:
        interpolate_type: "linear" or "cosine".

    Reference:
        Optax's `piecewise_interpolate_schedule`.

    Example:
        >>> from adamx.schedules import piecewise_interpolate_schedule
        >>> piecewise_interpolate_schedule("linear", 1.0, {4: 0.5})([0, 2, 4]).tolist()
        [1.0, 0.75, 0.5]
    """
    points = _multiplied(init_value, boundaries_and_scales or {})

    def value(count: Array) -> Scalar:
        return through(count, init_value, points, CURVES[interpolate_type])

    return value


def _multiplied(value: Scalar, scales: Scales) -> list[tuple[int, Scalar]]:
    """Return the value from each boundary on."""
    points = []
    for boundary, scale in scales.items():
        value = value * scale
        points.append((boundary, value))
    return points
