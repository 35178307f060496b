"""The moving average of diagonals of the Hessian, which are given in some steps."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.averages import is_refresh_step, moving_average
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class HessianMoment(Rule):
    counts = True
    needs_trees = ("hessian",)

    decay: Hyper
    update_interval: int
    past: bool

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        before = slots["nu"]
        new = moving_average(before, shared["hessian"].real, self.decay)
        now = is_refresh_step(shared["count"], self.update_interval)
        nu = jnp.where(now, new, before)
        return before if self.past else nu, {"nu": nu}


@transform
def hessian_moment(
    decay: Decay = 0.99, update_interval: PositiveInteger = 10, *, past: bool = False
) -> HessianMoment:
    """Emit the moving average of diagonals of the Hessian: a statistic, not an update.

    each k-th step, from the first:  h ← b·h + (1−b)·ĥ
    u = h

    `sophia` divides by it. ĥ is the argument `hessian` of update, which is ignored in
    other steps. h may be negative if ĥ is.

    Args:
        decay: b in [0, 1).
        update_interval: k ≥ 1, an integer.
        past: whether to emit h as it was before this step.

    Returns:
        A transform that keeps `nu` (h). Its update needs `hessian`, a tree like the
        parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.hessian_moment(0.5, 2)
        >>> state, g = tx.init(0.0), jnp.array(1.0)
        >>> for hessian in (4.0, 100.0, 8.0):
        ...     updates, state = tx.update(g, state, hessian=jnp.array(hessian))
        ...     print(float(updates))
        2.0
        2.0
        5.0
    """
    return HessianMoment(decay, update_interval, past)
