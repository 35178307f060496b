"""Follow the regularized leader: descent whose l1 makes parameters exactly zero."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import abs_sq, clipped, power, squarable
from adamx.numerics.averages import running_mean
from adamx.types import Array, Hyper, Rate, Scalar, Shared, Slots


class Ftrl(Rule):
    """Keeps the dual variable c of λ₁ instead of the sum z of all gradients.

    With D = (nᵖ + β)/η + 2·λ₂, z + D·θ is c + g: all else that z sums up is in θ. So
    the step is a quotient, not the difference of nearly equal numbers, and starts from
    where θ is, at the rate in use.
    """

    counts = True
    needs_params = True

    learning_rate: Rate
    power: Hyper
    initial_accumulator_value: float
    l1: Hyper
    l2: Hyper
    l2_shrinkage: Hyper
    beta: Hyper
    from_zero: bool

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        return {"mean_sq": zero.real, "dual": zero}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        g, count, rate = squarable(g), shared["count"], self.learning_rate
        mean = running_mean(slots["mean_sq"], abs_sq(g), count)
        # D·η, since η may be zero.
        stiff = self._stiffness(count.astype(mean.dtype) * mean)
        by = jnp.maximum(rate, float(jnp.finfo(mean.dtype).tiny) ** 0.5)
        g = g + 2 * self.l2_shrinkage * param
        first = 2 * self.l2 * param
        if self.from_zero:
            first = self._stiffness(jnp.zeros_like(mean)) / by * param
        dual = jnp.where(count == 1, first, slots["dual"])
        z = dual + g - stiff / by * param
        new = clipped(z, self.l1)
        u = rate * ((new - dual - g) / stiff)
        u = jnp.where(jnp.abs(z) <= self.l1, -param, u)
        return u, {"mean_sq": mean, "dual": new}

    def _stiffness(self, squares: Array) -> Array:
        total = squares + self.initial_accumulator_value
        tiny = float(jnp.finfo(total.dtype).tiny)
        seen = power(jnp.maximum(total, tiny), self.power)
        # Of nothing seen yet nothing is stiff.
        beside: Scalar = self.beta + 2 * self.l2 * self.learning_rate
        return jnp.maximum(jnp.where(total > 0, seen, 0) + beside, tiny**0.5)


@transform
def scale_by_ftrl(
    learning_rate: NonNegative,
    learning_rate_power: NonNegative = 0.5,
    initial_accumulator_value: float = 0.1,
    l1: NonNegative = 0.0,
    l2: NonNegative = 0.0,
    l2_shrinkage: NonNegative = 0.0,
    beta: NonNegative = 0.0,
    *,
    from_zero: bool = False,
) -> Ftrl:
    """Emit the step to the minimum of all gradients so far, as FTRL-Proximal has it.

    n ← n + g²,  D = (nᵖ + β)/η + 2·λ₂,  z = c + g − D·θ,  with g + 2·λₛ·θ for g
    c ← clip(z, ±λ₁),  u = −(g − c + c₋₁)/D,  and −θ where |z| ≤ λ₁

    `ftrl` says how this comes of the z that sums up.

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule.
        learning_rate_power: p ≥ 0; Keras's is −p.
        initial_accumulator_value: the n to begin with, a number ≥ 0.
        l1: λ₁ ≥ 0; parameters whose |z| is no more are exactly zero.
        l2: λ₂ ≥ 0.
        l2_shrinkage: λₛ ≥ 0, of an L2 term that is added to the gradient.
        beta: β ≥ 0.
        from_zero: see `ftrl`.

    Returns:
        The transform; its state is `mean_sq`, the mean of g², and `dual`, c, like the
        parameters and at least float32, and a `count`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is negative.

    Reference:
        McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_ftrl(1.0, initial_accumulator_value=0.0)
        >>> params = jnp.array(0.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -1.0
    """
    return Ftrl(
        learning_rate,
        learning_rate_power,
        initial_accumulator_value,
        l1,
        l2,
        l2_shrinkage,
        beta,
        from_zero,
    )
