"""Multiplication by a ratio of two root mean squares: of updates and of gradients."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable, safe_sqrt
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class Adadelta(Rule):
    rho: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.zeros_like(param.real), "delta": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        g = clip_to_squarable(g)
        nu = moving_average(slots["nu"], abs_sq(g), self.rho)
        # With eps = 0 the root may be 0; then g is 0 too.
        least = float(jnp.finfo(nu.dtype).tiny) ** 0.5
        rms = jnp.maximum(safe_sqrt(nu + self.eps), least)
        u = g / rms * safe_sqrt(slots["delta"] + self.eps)
        delta = moving_average(slots["delta"], abs_sq(u), self.rho)
        return u, {"nu": nu, "delta": delta}


@transform
def scale_by_adadelta(rho: Decay = 0.9, eps: NonNegative = 1e-6) -> Adadelta:
    """Divide by the root mean square of g, and multiply by that of u.

    ν ← ρ·ν + (1−ρ)·|g|²
    u = g · √(δ + ε) / √(ν + ε)
    δ ← ρ·δ + (1−ρ)·|u|²

    This is the direction of `adadelta`.

    Args:
        rho: ρ in [0, 1), the decay of both averages.
        eps: ε ≥ 0. It also sets the size of the first steps.

    Returns:
        A transform that keeps `nu` and `delta`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_adadelta(0.75, eps=1.0)
        >>> updates, state = tx.update(2.0, tx.init(0.0))
        >>> round(float(updates), 6)
        1.414214
    """
    return Adadelta(rho, eps)
