"""Follow the regularized leader, whose l1 term makes parameters exactly zero."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable, clipped, power
from adamx.numerics.averages import running_mean
from adamx.types import Array, Hyper, Param, Rate, Scalar, Shared, Slots, StepResult


class Ftrl(Rule):
    """Keep the dual variable c of λ₁ instead of the sum z of all gradients.

    D = (nᵖ + β)/η + 2·λ₂,  z = c + g − D·θ,  with g + 2·λₛ·θ for g
    c ← clip(z, ±λ₁),  u = −(g − c + c₋₁)/D,  and −θ where |z| ≤ λ₁

    θ determines the rest of z. So the step is a quotient, not a difference of nearly
    equal numbers, and starts from θ with the current learning rate.
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

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        g, count, rate = clip_to_squarable(g), shared["count"], self.learning_rate
        mean = running_mean(slots["mean_sq"], abs_sq(g), count)
        # D·η instead of D, because η may be zero.
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
        # 0 for a sum of 0, because tiny to a small power is not small.
        beside: Scalar = self.beta + 2 * self.l2 * self.learning_rate
        return jnp.maximum(jnp.where(total > 0, seen, 0) + beside, tiny**0.5)
