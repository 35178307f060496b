"""Dual averaging: steps from the first parameters along the sum of all gradients."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.types import Array, Hyper, Param, Rate, Shared, Slots, StepResult


class DualAverage(Rule):
    counts = True
    needs_params = True

    learning_rate: Rate
    momentum: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {
            "sum": jnp.zeros_like(param),
            "sum_sq": jnp.zeros_like(param.real),
            "initial": param,
        }

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        g = clip_to_squarable(g)
        count = shared["count"].astype(g.real.dtype)
        weight = self.learning_rate * jnp.sqrt(count)
        total = slots["sum"] + weight * g
        squares = slots["sum_sq"] + weight * abs_sq(g)
        some = squares > 0
        root = jnp.where(some, jnp.cbrt(jnp.where(some, squares, 1)), 0)
        below = jnp.maximum(root + self.eps, float(jnp.finfo(root.dtype).tiny))
        # Computed from θ − θ₀, because the rounding errors of z − θ would be larger.
        u = (self.momentum - 1) * (total / below + (param - slots["initial"]))
        return u, {"sum": total, "sum_sq": squares, "initial": slots["initial"]}


@transform
def scale_by_madgrad(
    learning_rate: Finite, momentum: Decay = 0.9, eps: NonNegative = 1e-6
) -> DualAverage:
    """Move a share of the way to the dual average z of all gradients.

    s ← s + η·√t·g,  ν ← ν + η·√t·|g|²,  z = θ₀ − s / (∛ν + ε)
    u = (1−m) · (z − θ)

    This is the whole step of `madgrad`: the learning rate is part of the sums.

    Args:
        learning_rate: η.
        momentum: m in [0, 1); a step covers 1−m of the way.
        eps: ε ≥ 0, outside the root.

    Returns:
        A transform that keeps `sum`, `sum_sq` and `initial` (θ₀).

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_madgrad(1.0, momentum=0.5, eps=0.0)
        >>> updates, state = tx.update(8.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)  # half of −8 / ∛64
        -1.0
    """
    return DualAverage(learning_rate, momentum, eps)
