"""A momentum with one decay in the output and another in the state."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class InterpolatedMomentum(Rule):
    b1: Hyper
    b2: Hyper

    def degree(self) -> int:
        return 1

    def slots(self, param: Array) -> Slots:
        return {"mu": jnp.zeros_like(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        mu = moving_average(slots["mu"], g, self.b2)
        b1, b2 = self.b1, self.b2
        if isinstance(b1, float) and isinstance(b2, float) and 0 < b2 >= b1:
            # The same value, from the new momentum. If two outputs read the old one,
            # XLA copies it, and could not overwrite it in place.
            return g + b1 / b2 * (mu - g), {"mu": mu}
        return moving_average(slots["mu"], g, b1), {"mu": mu}


@transform
def interpolated_momentum(b1: Decay = 0.9, b2: Decay = 0.99) -> InterpolatedMomentum:
    """Emit a mean of the old momentum and the updates; then update the momentum.

    u = b1·μ + (1−b1)·g
    μ ← b2·μ + (1−b2)·g

    With b1 = b2 it is `scale_by_momentum`. With b1 < b2, g has a larger weight in u
    than in μ, as in `lion`.

    Args:
        b1: the weight of the old momentum in u, in [0, 1).
        b2: the decay of the momentum, in [0, 1).

    Example:
        >>> from adamx.transforms.momentum.interpolation import interpolated_momentum
        >>> tx = interpolated_momentum(0.5, 0.75)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates), float(state["interpolated_momentum"]["mu"])
        (2.0, 1.0)
    """
    return InterpolatedMomentum(b1, b2)
