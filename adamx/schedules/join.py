"""One schedule after the other."""

from adamx.errors import TransformError
from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import InOrder, Schedules
from adamx.schedules.curves import Curve, joined
from adamx.types import Array, Scalar


@schedule
def join_schedules(schedules: Schedules, boundaries: InOrder) -> Curve:
    """Follow one schedule after the other, each counting from its own beginning.

    value(t) = sᵢ(t − bᵢ) for bᵢ ≤ t < bᵢ₊₁, where b₀ = 0

    Args:
        schedules: s₀, s₁, …, schedules or functions from the step count to a scalar.
        boundaries: b₁, b₂, …, one fewer than the schedules, integers ≥ 0 in order.

    Reference:
        Optax's `join_schedules`, PyTorch's `SequentialLR`.

    Example:
        >>> from adamx.schedules import constant_schedule, join_schedules
        >>> up = join_schedules([constant_schedule(1.0), constant_schedule(2.0)], [3])
        >>> up([0, 2, 3]).tolist()
        [1.0, 1.0, 2.0]
    """
    if len(boundaries) != len(schedules) - 1:
        raise TransformError(
            "join_schedules: boundaries and schedules do not fit together",
            expected=f"{len(schedules) - 1}, as there are {len(schedules)} schedules",
            got=f"{len(boundaries)}, {boundaries}",
            hint="leave out 0, where the first schedule begins",
        )

    def value(count: Array) -> Scalar:
        return joined(count, schedules, boundaries)

    return value
