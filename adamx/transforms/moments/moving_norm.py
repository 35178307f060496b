"""Division by a moving average of the norm of each leaf."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import is_zero, safe_sqrt
from adamx.numerics.norms import norm_of, root_of_squares
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class MovingNorm(Rule):
    """Keep the root of the average, because the average itself may overflow."""

    locality = "leaf"
    counts = True

    decay: Hyper
    eps: Hyper
    eps_root: Hyper

    def slots(self, param: Array) -> Slots:
        return {"norm": jnp.zeros((), param.real.dtype)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        unit, rest = norm_of(g)
        now = unit * rest
        later = root_of_squares(self.decay, slots["norm"], 1 - self.decay, now)
        norm = jnp.where(shared["count"] == 1, now, later)
        below = norm
        if not is_zero(self.eps_root):
            below = root_of_squares(
                1, norm, 1, safe_sqrt(jnp.asarray(self.eps_root, norm.dtype))
            )
        below = below + self.eps
        least = float(jnp.finfo(below.dtype).tiny)
        return g / jnp.maximum(below, least), {"norm": norm}


@transform
def scale_by_moving_norm(
    decay: Decay = 0.25, eps: NonNegative = 1e-8, eps_root: NonNegative = 0.0
) -> MovingNorm:
    """Divide each leaf by the root of a moving average of its squared norm.

    ν ← b·ν + (1−b)·‖g‖², and ‖g‖² in the first step
    u = g / (√(ν + ε_root) + ε)

    `novograd` adds momentum. `second_moment` keeps a ν for each number.

    Args:
        decay: b in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.

    Returns:
        A transform that keeps `norm`, √ν, a scalar for each leaf.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_moving_norm(eps=0.0)
        >>> g = jnp.array([0.0, -4.0])
        >>> tx.update(g, tx.init(g))[0].tolist()
        [0.0, -1.0]
    """
    return MovingNorm(decay, eps, eps_root)
