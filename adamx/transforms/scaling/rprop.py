"""Step sizes that grow while the gradient keeps its sign, and shrink otherwise."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative, Schedule
from adamx.types import Array, Hyper, Param, Rate, Shared, Slots, StepResult


class Rprop(Rule):
    learning_rate: Rate
    eta_minus: Hyper
    eta_plus: Hyper
    min_step_size: Hyper
    max_step_size: Hyper

    def degree(self) -> int:
        return 0

    def slots(self, param: Array) -> Slots:
        rate = self.learning_rate
        if isinstance(rate, Schedule):
            rate = rate(0)
        step_size = jnp.broadcast_to(rate, param.shape).astype(param.real.dtype)
        return {"step_size": step_size, "previous": jnp.zeros_like(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        # A product of signs, because that of two gradients could underflow.
        sign = jnp.sign(g)
        kept = (sign * slots["previous"].conj()).real
        turned = kept < 0
        factor = jnp.where(kept > 0, self.eta_plus, 1.0)
        factor = jnp.where(turned, self.eta_minus, factor)
        size = slots["step_size"] * factor.astype(slots["step_size"].dtype)
        size = jnp.clip(size, self.min_step_size, self.max_step_size)
        # After a change of sign there is no step, and no comparison in the next one.
        sign = jnp.where(turned, 0 * sign, sign)
        return sign * size, {"step_size": size, "previous": sign}


@transform
def scale_by_rprop(
    learning_rate: NonNegative,
    eta_minus: NonNegative = 0.5,
    eta_plus: NonNegative = 1.2,
    min_step_size: NonNegative = 1e-6,
    max_step_size: NonNegative = 50.0,
) -> Rprop:
    """Emit the sign of the gradient, times a step size for each number.

    s ← min(η⁺·s, s_max) where g·g₋₁ > 0,  max(η⁻·s, s_min) where g·g₋₁ < 0
    u = sign(g)·s, and 0 where g·g₋₁ < 0: there g counts as 0 in the next step, too

    This is the direction of `rprop`.

    Args:
        learning_rate: the first step size s, ≥ 0; the first value of a schedule.
        eta_minus: η⁻ in [0, 1), the factor by which s shrinks.
        eta_plus: η⁺ > 1, the factor by which s grows.
        min_step_size: the smallest s.
        max_step_size: the largest s.

    Returns:
        A transform that keeps `step_size` and `previous`, the sign of the last
        gradient.

    Reference:
        Igel & Hüsken, "Improving the Rprop Learning Algorithm", 2000, iRprop−.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_rprop(1.0)
        >>> state = tx.init(jnp.zeros(2))
        >>> _, state = tx.update(jnp.array([3.0, -1.0]), state)
        >>> [round(float(u), 6) for u in tx.update(jnp.array([2.0, 1.0]), state)[0]]
        [1.2, 0.0]
    """
    return Rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size)
