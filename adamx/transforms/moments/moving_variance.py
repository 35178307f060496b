"""The moving variance: the second moment around the moving average."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.numerics.averages import moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Shared, Slots


class MovingVariance(Rule):
    """Follows mean and variance themselves, not the moments they are made of.

    ν − μ² is a difference of nearly equal numbers where gradients change little; in
    float32 nothing of it is left. West's recursion has the same value and no
    difference. `weight` is the sum of the weights of what was seen, 1 from the start
    where a zero of weight bᵗ counts as seen, and `rest` is 1 − weight, to full
    precision late, as `weight` is early.
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
        if not shared:
            return {}
        weight = moving_average(shared["weight"], jnp.ones(()), self.decay)
        return {"weight": weight, "rest": self.decay * shared["rest"]}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        new = (1 - self.decay) / (_weight(shared) if shared else 1)
        away = squarable(g) - slots["mu"]
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

    Computed without the difference, as v ← b·v + (1−b)·b·|g − μ|² with the μ before,
    which is the same and loses no digits.

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule.
        initial_scale: the variance to begin with.
        bias_correction: whether μ and ν are divided by 1−bᵗ before, as in Adam.

    Returns:
        The transform; its state is `mu`, like the parameters, and `var`, like them but
        real, at least float32; with bias correction a few scalars too.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Graves, "Generating Sequences With Recurrent Neural Networks", 2013,
        arXiv:1308.0850, for its use; West, "Updating mean and variance estimates",
        1979, for the recursion.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.moving_variance(0.75)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)  # ν = 4, μ = 1
        3.0
    """
    return MovingVariance(decay, initial_scale, bias_correction)
