"""Polyak's step size, computed from the loss and its minimum."""

from typing import Annotated

import jax.numpy as jnp

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.numerics.arithmetic import divisor
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Param, Rate, Scalar, Shared, Slots, StepResult


class Polyak(GlobalNormRule):
    needs = ("value",)

    f_min: Hyper
    max_learning_rate: Rate
    eps: Hyper
    only_downwards: bool

    def advance(
        self, shared: Shared, *_: object, value: Scalar, over_leaves: OverLeaves
    ) -> Shared:
        gap = jnp.asarray(value, scalar_dtype()) - self.f_min
        gap = jnp.maximum(gap, 0) if self.only_downwards else gap
        norm, rest = self.global_norm(shared, over_leaves)
        # Divided by the norm, because its square can overflow.
        unit, usable = divisor(norm)
        wanted = gap / (unit * rest**2 + self.eps / unit)
        rate = jnp.minimum(wanted, self.max_learning_rate * unit)
        return {**shared, "unit": unit, "rate": jnp.where(usable, rate, 0)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g / shared["unit"] * shared["rate"], slots


@transform
def scale_by_polyak(
    f_min: Finite = 0.0,
    max_learning_rate: NonNegative = 1.0,
    eps: NonNegative = 0.0,
    variant: Annotated[str, OneOf(("sps", "sps+"))] = "sps",
) -> Polyak:
    """Scale by Polyak's step size, computed from the loss and its minimum.

    u = g · min((f(θ) − f_min) / (‖g‖² + ε), γ), with the norm over all leaves

    This is the direction of `polyak_sgd`. With "sps+" a loss below f_min counts as
    f_min; with "sps" the step then goes upwards, and has no bound. If all gradients are
    zero, so is the step; in Optax it is zero if ‖g‖² ≤ 1.2e-7.

    Args:
        f_min: a lower bound of the loss.
        max_learning_rate: γ ≥ 0.
        eps: ε ≥ 0.
        variant: "sps" or "sps+".

    Returns:
        The transform, whose update needs `value`, the loss at the parameters, a scalar.

    Reference:
        "sps+": Garrigos, Gower & Schaipp, 2023, arXiv:2307.14528.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_polyak()
        >>> state = tx.init(jnp.zeros(2))
        >>> tx.update(jnp.array([3.0, 4.0]), state, value=5.0)[0].tolist()
        [0.6000000238418579, 0.800000011920929]
    """
    return Polyak(f_min, max_learning_rate, eps, variant == "sps+")
