"""Yogi's second moment, which changes by a share of the squared gradient."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class YogiMoment(Rule):
    decay: Hyper
    initial_scale: float

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.full_like(param.real, self.initial_scale)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nu, square = slots["nu"], abs_sq(clip_to_squarable(g))
        nu += (1 - self.decay) * jnp.sign(square - nu) * square
        return nu, {"nu": nu}


@transform
def yogi_moment(decay: Decay = 0.999, initial_scale: float = 1e-6) -> YogiMoment:
    """Emit Yogi's second moment: a statistic, not yet an update.

    ν ← ν − (1−b)·sign(ν − |g|²)·|g|²
    u = ν

    ν changes by a share of |g|², and not of the distance to |g|² as in `second_moment`:
    it falls slowly when small gradients follow large ones. It is the moment of `yogi`.

    Args:
        decay: b in [0, 1).
        initial_scale: the first ν, a number ≥ 0.

    Returns:
        A transform that keeps `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.yogi_moment(0.75, 1.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates)
        5.0
    """
    return YogiMoment(decay, initial_scale)
