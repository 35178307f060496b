"""The second moment, and division by its root."""

import jax.numpy as jnp
from jax.lax import stop_gradient

from adamx.core.fork import forked
from adamx.core.ratio import RootRatio, bounded
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, is_transform, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, ScalarOrSchedule, Shared, Slots, StepResult


class SecondMoment(Rule):
    averages = True

    decay: Hyper
    initial_scale: float
    past: bool

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.full_like(param.real, self.initial_scale)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nu = moving_average(slots["nu"], abs_sq(clip_to_squarable(g)), self.decay)
        # 0·ν is added, so that a NaN in g appears in its own step.
        emitted = slots["nu"] + 0 * stop_gradient(nu) if self.past else nu
        return emitted, {"nu": nu}


@transform
def second_moment(
    decay: Decay = 0.999, initial_scale: float = 0.0, *, past: bool = False
) -> SecondMoment:
    """Emit the moving average of |g|²: a statistic, not yet an update.

    ν ← b·ν + (1−b)·|g|²
    u = ν

    Args:
        decay: b in [0, 1).
        initial_scale: the first ν.
        past: whether to emit the ν before this step.

    Returns:
        A transform that keeps `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.second_moment(0.75)
        >>> state = tx.init(0.0)
        >>> for g in (4.0, 0.0):
        ...     updates, state = tx.update(g, state)
        ...     print(float(updates))
        4.0
        3.0
    """
    return SecondMoment(decay, initial_scale, past)


class RunningMax(Rule):
    averages = True

    def slots(self, param: Array) -> Slots:
        return {"nu_max": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nu_max = jnp.maximum(slots["nu_max"], g.real)
        return nu_max, {"nu_max": nu_max}


@transform
def running_max() -> RunningMax:
    """Emit the running maximum of each number of a statistic.

    m ← max(m, g)
    u = m

    Behind `second_moment` it is the moment of `amsgrad`.

    Returns:
        A transform that keeps `nu_max`, from zero.

    Example:
        >>> import adamx
        >>> tx = adamx.running_max()
        >>> _, state = tx.update(4.0, tx.init(0.0))
        >>> float(tx.update(3.0, state)[0])
        4.0
    """
    return RunningMax()


@transform
def scale_by_second_moment(
    moment: TransformLike | ScalarOrSchedule = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    numerator: TransformLike | None = None,
) -> Rule | TreeTransform:
    """Divide by the root of the second moment.

    u = n / (√(v + ε_root) + ε), where `moment` emits v and `numerator` n

    Alone it is RMSProp; with bias-corrected `moment` and `numerator` it is Adam. If the
    denominator is zero, u is zero. Numbers whose squares would overflow are clipped.

    Args:
        moment: a transform that emits a statistic of the updates; a number b means
            `second_moment(b)`.
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        numerator: a transform of the same updates; the identity by default.

    Returns:
        A transform that keeps the states of `moment` and `numerator`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_second_moment(0.75, eps=0.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates)
        2.0
    """
    if not is_transform(moment):
        moment = second_moment(moment)
    branches = {"moment": moment, "numerator": bounded(numerator)}
    return forked("scale_by_second_moment", RootRatio(eps, eps_root), branches)
