"""Division by the root of the second moment of earlier steps."""

import jax.numpy as jnp

from adamx.core.ratio import floored_root
from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class PastMoment(Rule):
    counts = True

    decay: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        g = clip_to_squarable(g)
        first = shared["count"] == 1
        below = floored_root(slots["nu"], self.eps)
        # 0·g instead of 0, so that a NaN in the first step is visible.
        u = jnp.where(first, 0 * g, g / jnp.where(first, 1, below))
        square = abs_sq(g)
        later = moving_average(slots["nu"], square, self.decay)
        return u, {"nu": jnp.where(first, square, later)}


@transform
def scale_by_past_moment(decay: Decay = 0.9999, eps: NonNegative = 1e-6) -> PastMoment:
    """Divide by the root of the second moment before this step.

    u = g / max(√ν, ε), and 0 in the first step
    ν ← b·ν + (1−b)·|g|², and |g|² in the first step

    Unlike in `scale_by_second_moment`, the divisor is not correlated with g, and u has
    no bound. `adopt` averages u.

    Args:
        decay: b in [0, 1).
        eps: ε ≥ 0, the smallest divisor.

    Returns:
        A transform that keeps `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_past_moment()
        >>> first, state = tx.update(4.0, tx.init(0.0))
        >>> second, state = tx.update(8.0, state)
        >>> float(first), float(second)
        (0.0, 2.0)
    """
    return PastMoment(decay, eps)
