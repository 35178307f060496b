"""Dual averaging: from the start, along the sum of all gradients."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.types import Array, Hyper, Rate, Shared, Slots


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

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        g = squarable(g)
        count = shared["count"].astype(g.real.dtype)
        weight = self.learning_rate * jnp.sqrt(count)
        total = slots["sum"] + weight * g
        squares = slots["sum_sq"] + weight * abs_sq(g)
        some = squares > 0
        root = jnp.where(some, jnp.cbrt(jnp.where(some, squares, 1)), 0)
        below = jnp.maximum(root + self.eps, float(jnp.finfo(root.dtype).tiny))
        # The distances from the start, because what is far from zero is rounded more.
        u = (self.momentum - 1) * (total / below + (param - slots["initial"]))
        return u, {"sum": total, "sum_sq": squares, "initial": slots["initial"]}


@transform
def scale_by_madgrad(
    learning_rate: Finite, momentum: Decay = 0.9, eps: NonNegative = 1e-6
) -> DualAverage:
    """Go to where the sum of all gradients points from the start, a share of the way.

    s ← s + η·√t·g,  ν ← ν + η·√t·|g|²,  z = θ₀ − s / (∛ν + ε)
    u = (1−m) · (z − θ)

    The learning rate is part of the sums, and u the whole step with its sign.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        momentum: m in [0, 1): the share of the way that is not gone.
        eps: ε ≥ 0, outside the root.

    Returns:
        The transform; its state is `sum`, `sum_sq` (real) and `initial`, like the
        parameters and at least float32, and the `count`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
        Dual Averaged Gradient Method for Stochastic Optimization", 2021,
        arXiv:2101.11075.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_madgrad(1.0, momentum=0.5, eps=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 6)  # half of −8 / ∛64
        -1.0
    """
    return DualAverage(learning_rate, momentum, eps)
