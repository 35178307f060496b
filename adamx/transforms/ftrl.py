"""Follow the regularized leader: the parameters as a function of all gradients."""

import jax.numpy as jnp

from adamx.core.hyper import NonNegative
from adamx.core.numerics import abs_sq, power, running_mean, squarable
from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.core.types import Array, Hyper, Shared, Slots


class Ftrl(Rule):
    """Keeps w = z + nᵖ/η·θ, what is left of z beside the pull to θ, as a mean.

    θ' − θ would be a difference of nearly equal numbers; of w it is a quotient. That
    takes one more array, the θ/η that w was made with.
    """

    counts = True
    needs_params = True

    learning_rate: Hyper
    power: Hyper
    initial_accumulator_value: float
    l1: Hyper
    l2: Hyper
    l2_shrinkage: Hyper
    beta: Hyper

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        return {"mean_sq": zero.real, "mean_linear": zero, "previous": zero}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        g, count = squarable(g), shared["count"].astype(param.real.dtype)
        mean = running_mean(slots["mean_sq"], abs_sq(g), shared["count"])
        before = self._to_power((count - 1) * slots["mean_sq"])
        after = self._to_power(count * mean)
        rate = jnp.maximum(self.learning_rate, float(jnp.finfo(after.dtype).tiny))
        scaled = param / rate
        pulled = before * (scaled - slots["previous"])
        new = pulled + g + 2 * self.l2_shrinkage * param
        mean_linear = running_mean(slots["mean_linear"], new, shared["count"])
        linear = count * mean_linear
        z = linear - after * scaled
        size = jnp.abs(jnp.where(z == 0, 1, z))
        inside = z * jnp.minimum(self.l1 / size, 1)
        beside = self.beta / rate + 2 * self.l2
        u = (inside - linear - beside * param) / (after / rate + beside)
        return u, {"mean_sq": mean, "mean_linear": mean_linear, "previous": scaled}

    def _to_power(self, squares: Array) -> Array:
        total = squares + self.initial_accumulator_value
        least = float(jnp.finfo(total.dtype).tiny)
        # Of nothing seen yet nothing is pulled.
        seen = power(jnp.maximum(total, least), self.power)
        return jnp.where(total > 0, seen, least)


@transform
def scale_by_ftrl(
    learning_rate: NonNegative,
    learning_rate_power: NonNegative = 0.5,
    initial_accumulator_value: float = 0.1,
    l1: NonNegative = 0.0,
    l2: NonNegative = 0.0,
    l2_shrinkage: NonNegative = 0.0,
    beta: NonNegative = 0.0,
) -> Ftrl:
    """Emit the step to the minimum of all gradients so far, as FTRL-proximal has it.

    n ← n₋₁ + g²,  z ← z + g + 2·λₛ·θ − (nᵖ − n₋₁ᵖ)/η · θ
    u = −sign(z)·max(|z| − λ₁, 0) / ((β + nᵖ)/η + 2·λ₂) − θ

    Args:
        learning_rate: η > 0, a number, traced scalar or schedule.
        learning_rate_power: p ≥ 0; Keras's is −p.
        initial_accumulator_value: the n to begin with, a number ≥ 0.
        l1: λ₁ ≥ 0; parameters whose |z| is less are exactly zero.
        l2: λ₂ ≥ 0.
        l2_shrinkage: λₛ ≥ 0, of an L2 term that is added to the gradient.
        beta: β ≥ 0.

    Returns:
        The transform; its state is `mean_sq`, the mean of g², `mean_linear`, that
        of what makes up z + nᵖ/η·θ, and `previous`, θ/η, like the parameters and at
        least float32, and a `count`. It needs the parameters, and steps to where they
        are to be: nothing that changes the step may come after it.

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
    )
