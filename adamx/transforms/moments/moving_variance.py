"""The moving variance: the second moment about the moving average."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class MovingVariance(Rule):
    """Keep mean and variance instead of two moments.

    If gradients change little, ν − μ² is a difference of nearly equal numbers, which in
    float32 has no correct digit. West's recursion computes the same value without a
    difference. With bias correction `weight` is the sum of the weights, 1 − bᵗ, which
    is precise early, and `rest` is 1 − weight, which is precise late.
    """

    decay: Hyper
    initial_scale: float
    bias_correction: bool

    def slots(self, param: Array) -> Slots:
        variance = jnp.full_like(param.real, self.initial_scale)
        return {"mu": jnp.zeros_like(param), "var": variance}

    def shared(self) -> Shared:
        if not self.bias_correction:
            return {}
        return {
            "weight": jnp.zeros((), scalar_dtype()),
            "rest": jnp.ones((), scalar_dtype()),
        }

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        if not self.bias_correction:
            return shared
        weight = moving_average(shared["weight"], jnp.ones(()), self.decay)
        return {**shared, "weight": weight, "rest": self.decay * shared["rest"]}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        new = (1 - self.decay) / (_weight(shared) if self.bias_correction else 1)
        away = clip_to_squarable(g) - slots["mu"]
        variance = slots["var"] + new * ((1 - new) * abs_sq(away) - slots["var"])
        return variance, {"mu": slots["mu"] + new * away, "var": variance}


def _weight(shared: Shared) -> Array:
    return jnp.where(shared["rest"] < 0.5, 1 - shared["rest"], shared["weight"])


@transform
def moving_variance(
    decay: Decay = 0.999, initial_scale: float = 0.0, bias_correction: bool = False
) -> MovingVariance:
    """Emit the moving average of |g − μ|²: a statistic, not yet an update.

    u = ν − |μ|², with μ ← b·μ + (1−b)·g and ν ← b·ν + (1−b)·|g|²

    It is computed as v ← b·v + (1−b)·b·|g − μ|² with the old μ: the same value, without
    a loss of digits. `rmsprop` divides by its root if `centered`.

    Args:
        decay: b in [0, 1).
        initial_scale: the first variance.
        bias_correction: whether μ and ν are divided by 1−bᵗ first, as in Adam.

    Returns:
        A transform that keeps `mu` and `var`.

    Example:
        >>> import adamx
        >>> tx = adamx.moving_variance(0.75)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates)  # ν = 4, μ = 1
        3.0
    """
    return MovingVariance(decay, initial_scale, bias_correction)
