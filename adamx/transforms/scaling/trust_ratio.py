"""The trust ratio: steps in proportion to the norm of the parameter."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import faded, is_zero
from adamx.numerics.norms import norm_of
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class TrustRatio(Rule):
    locality = "leaf"
    needs_params = True

    min_norm: Hyper
    trust_coefficient: Hyper
    eps: Hyper
    weight_decay: Hyper | None

    def degree(self) -> int | None:
        return 0 if is_zero(self.min_norm) and self.weight_decay is None else None

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        norm, rest = norm_of(g)
        factor, times = norm_of(param)
        size = jnp.maximum(factor * times, self.min_norm)
        beside, top = jnp.zeros_like(size), g
        if self.weight_decay is not None:
            beside = self.weight_decay * size
            top = g + self.weight_decay * param
        # All terms of the quotient are divided by the largest of them, because the norm
        # of g, and its inverse, could overflow.
        unit = jnp.maximum(jnp.maximum(norm, self.min_norm), beside)
        usable = (unit >= float(jnp.finfo(unit.dtype).tiny)) & (size > 0)
        unit = jnp.where(usable, unit, 1)
        norm = jnp.maximum(norm / unit * rest, self.min_norm / unit)
        norm = norm + beside / unit + faded(self.eps, norm, unit)
        norm = jnp.where(usable, norm, 1)
        ratio = jnp.where(usable, self.trust_coefficient * size, 1)
        return top / unit / norm * ratio, slots


@transform
def scale_by_trust_ratio(
    min_norm: NonNegative = 0.0,
    trust_coefficient: NonNegative = 1.0,
    eps: NonNegative = 0.0,
    *,
    weight_decay: NonNegative | None = None,
) -> TrustRatio:
    """Scale the norm of each leaf's update to φ times that of its parameter.

    u = g · φ·‖θ‖ / (‖g‖ + ε), with norms of at least `min_norm`
    with weight decay λ:  u = (g + λ·θ) · φ·‖θ‖ / (‖g‖ + λ·‖θ‖ + ε)

    If a norm is zero, the update is unchanged, as in Optax. The norms are those of one
    leaf, and do not overflow. A weight decay before this piece is part of g; with
    `weight_decay` the norms are added instead, as in LARS.

    Args:
        min_norm: a lower bound of both norms, ≥ 0.
        trust_coefficient: φ ≥ 0.
        eps: ε ≥ 0, added to the norm of the update. It fades where the norm is below
            min(1, 10⁴·ε).
        weight_decay: λ ≥ 0, or None for no decay.

    Reference:
        You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks",
        2017, arXiv:1708.03888.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_trust_ratio()
        >>> params = jnp.array([3.0, 4.0])
        >>> tx.update(jnp.array([0.0, 2.0]), tx.init(params), params)[0].tolist()
        [0.0, 5.0]
    """
    return TrustRatio(min_norm, trust_coefficient, eps, weight_decay)
