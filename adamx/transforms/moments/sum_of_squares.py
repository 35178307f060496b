"""The sum of all squared gradients, kept as their mean."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import running_mean
from adamx.types import Array, Param, Shared, Slots, StepResult


class SumOfSquares(Rule):
    """Keep the mean m of the squares, and emit the sum as t·m + start."""

    counts = True

    initial_accumulator_value: float

    def slots(self, param: Array) -> Slots:
        return {"mean_sq": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        count = shared["count"]
        mean = running_mean(slots["mean_sq"], abs_sq(clip_to_squarable(g)), count)
        total = mean * count.astype(mean.dtype) + self.initial_accumulator_value
        return total, {"mean_sq": mean}


@transform
def sum_of_squares(initial_accumulator_value: float = 0.1) -> SumOfSquares:
    """Emit the sum of |g|² over all steps: a statistic, not yet an update.

    s ← s + |g|²
    u = s

    The state is the mean of |g|², because a float32 sum would stop growing. `adagrad`
    divides by the root of s.

    Args:
        initial_accumulator_value: the first s, a number ≥ 0.

    Returns:
        A transform that keeps `mean_sq`.

    Example:
        >>> import adamx
        >>> tx = adamx.sum_of_squares(1.0)
        >>> updates, state = tx.update(2.0, tx.init(0.0))
        >>> float(updates), float(tx.update(3.0, state)[0])
        (5.0, 14.0)
    """
    return SumOfSquares(initial_accumulator_value)
