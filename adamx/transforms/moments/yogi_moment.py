"""A second moment that moves by the square of the gradient, up or down."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.types import Array, Hyper, Shared, Slots


class YogiMoment(Rule):
    decay: Hyper
    initial_scale: float

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.full_like(param.real, self.initial_scale)}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        nu, square = slots["nu"], abs_sq(squarable(g))
        nu += (1 - self.decay) * jnp.sign(square - nu) * square
        return nu, {"nu": nu}


@transform
def yogi_moment(decay: Decay = 0.999, initial_scale: float = 1e-6) -> YogiMoment:
    """Emit Yogi's second moment: a statistic, not yet an update.

    ν ← ν − (1−b)·sign(ν − |g|²)·|g|²
    u = ν

    Where `second_moment` moves by a share of the distance to |g|², this moves by a
    share of |g|² itself: after large gradients it falls slowly when small ones come.

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule.
        initial_scale: the ν to begin with, a number ≥ 0.

    Returns:
        The transform; its state is `nu`, like the parameters but real, at least
        float32.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Zaheer et al., "Adaptive Methods for Nonconvex Optimization", 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.yogi_moment(0.75, 1.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)
        5.0
    """
    return YogiMoment(decay, initial_scale)
