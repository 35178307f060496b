"""Normalization of the updates to a given norm."""

import jax.numpy as jnp

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.numerics.arithmetic import divisors
from adamx.types import Array, Hyper, Param, Rate, Shared, Slots, StepResult


class Normalize(GlobalNormRule):
    scale_factor: Rate
    eps: Hyper

    def degree(self) -> int:
        return 0

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        norm = self.global_norm(shared, over_leaves)
        unit, below, usable = divisors(norm, self.eps)
        length = jnp.where(usable, self.scale_factor, 0)
        return {**shared, "unit": unit, "below": below, "length": length}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g / shared["unit"] / shared["below"] * shared["length"], slots


@transform
def normalize_by_update_norm(
    scale_factor: Finite = 1.0, eps: NonNegative = 1e-6
) -> Normalize:
    """Divide all updates by their common norm.

    u = g · s / (‖g‖ + ε), with ‖g‖ = √(Σ |gᵢ|²) over all leaves

    ε fades where the norm is below min(1, 10⁴·ε), so that u has the norm s for a tiny
    gradient too. Zero stays zero, also with ε = 0. A single NaN or ∞ in g makes all
    updates NaN.

    Args:
        scale_factor: s.
        eps: ε ≥ 0.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.normalize_by_update_norm(2.0, eps=0.0)
        >>> tx.update(jnp.array([0.0, -4.0]), {})[0].tolist()
        [0.0, -2.0]
    """
    return Normalize(scale_factor, eps)


@transform
def normalize() -> Normalize:
    """Divide all updates by their common norm, which is then 1.

    u = g / ‖g‖, with ‖g‖ = √(Σ |gᵢ|²) over all leaves

    Zero stays zero. A single NaN or ∞ in g makes all updates NaN.

    Reference:
        The name is Optax's, of `optax.contrib`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> adamx.normalize().update(jnp.array([0.0, -4.0]), {})[0].tolist()
        [0.0, -1.0]
    """
    return Normalize(1.0, 0.0)
