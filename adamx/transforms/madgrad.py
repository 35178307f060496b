"""Dual averaging with the cube root of the squares: steps from where one began."""

import jax.numpy as jnp

from adamx.core.hyper import Decay, NonNegative
from adamx.core.numerics import (
    abs_sq,
    scalar_dtype,
    share_of_weights,
    squarable,
)
from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.core.types import Array, Hyper, Shared, Slots


class Madgrad(Rule):
    """Keeps the weighted mean of g²: a sum of what has one sign would stop growing."""

    counts = True
    needs_params = True

    learning_rate: Hyper
    momentum: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        return {"mean_sq": zero.real, "sum": zero, "x0": param}

    def shared(self) -> Shared:
        names = "weight", "mean_weight", "share"
        return {name: jnp.zeros((), scalar_dtype()) for name in names}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        count = shared["count"]
        weight = self.learning_rate * jnp.sqrt(count.astype(scalar_dtype()))
        mean, share = share_of_weights(shared["mean_weight"], weight, count)
        return {"count": count, "weight": weight, "mean_weight": mean, "share": share}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        g, share = squarable(g), shared["share"]
        total = shared["mean_weight"] * shared["count"].astype(share.dtype)
        mean_sq = slots["mean_sq"] + share * (abs_sq(g) - slots["mean_sq"])
        dual = slots["sum"] + shared["weight"] * g
        least = float(jnp.finfo(mean_sq.dtype).tiny)
        root = jnp.cbrt(jnp.maximum(total * mean_sq, least))
        away = dual / (root + self.eps)
        u = (1 - self.momentum) * ((slots["x0"] - param) - away)
        return u, {"mean_sq": mean_sq, "sum": dual, "x0": slots["x0"]}


@transform
def scale_by_madgrad(
    learning_rate: NonNegative, momentum: Decay = 0.9, eps: NonNegative = 1e-6
) -> Madgrad:
    """Emit MADGRAD's step, learning rate and sign included.

    λ = η·√t,  s ← s + λ·g,  ν ← ν + λ·g²
    u = (1 − m)·(θ₀ − s/(∛ν + ε) − θ), with θ₀ where training began

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule.
        momentum: m in [0, 1), how much of θ stays.
        eps: ε ≥ 0.

    Returns:
        The transform; its state is `sum` (s), `mean_sq`, ν over the sum of all λ, and
        `x0` (θ₀), like the parameters and at least float32, and a few scalars. It needs
        the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Jelassi, "Adaptivity without Compromise", 2022, arXiv:2101.11075.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_madgrad(1.0, momentum=0.0, eps=0.0)
        >>> params = jnp.array(0.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -2.0
    """
    return Madgrad(learning_rate, momentum, eps)
