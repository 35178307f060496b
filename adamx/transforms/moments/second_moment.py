"""The second moment, and division by its root."""

import jax.numpy as jnp
from jax.lax import stop_gradient

from adamx.core.fork import forked
from adamx.core.node import Node
from adamx.core.ratio import RootRatio, bounded
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, is_transform, transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, ScalarOrSchedule, Shared, Slots


class SecondMoment(Rule):
    averages = True

    decay: Hyper
    initial_scale: float
    past: bool

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.full_like(param.real, self.initial_scale)}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        nu = moving_average(slots["nu"], abs_sq(squarable(g)), self.decay)
        # 0·ν beside it, so that a NaN shows in its own step.
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
        decay: b in [0, 1), a number, traced scalar or schedule.
        initial_scale: the ν to begin with.
        past: whether to emit ν as it was before this step.

    Returns:
        The transform; its state is `nu`, like the parameters but real, at least
        float32.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012; Kingma & Ba,
        "Adam", 2015, arXiv:1412.6980.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.second_moment(0.75)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)
        4.0
    """
    return SecondMoment(decay, initial_scale, past)


class RunningMax(Rule):
    averages = True

    def slots(self, param: Array) -> Slots:
        return {"nu_max": jnp.zeros_like(param.real)}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        nu_max = jnp.maximum(slots["nu_max"], g.real)
        return nu_max, {"nu_max": nu_max}


@transform
def running_max() -> RunningMax:
    """Emit the largest value seen so far of each element of a statistic.

    m ← max(m, g)
    u = m

    Returns:
        The transform; its state is `nu_max`, like the parameters but real, at least
        float32, from zero.

    Raises:
        TransformError: (when used) a leaf is no float or complex array.

    Reference:
        Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", 2018,
        arXiv:1904.09237.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.running_max()
        >>> _, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(tx.update(jnp.array(3.0), state)[0])
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
) -> Rule | Node:
    """Divide by the root of the second moment.

    u = n / (√(v + ε_root) + ε), where v is what `moment` emits and n what `numerator`

    Alone it is RMSProp; with bias-corrected moments in both places it is Adam.

    Args:
        moment: a transform that emits a statistic of the updates; a number b stands
            for `second_moment(b)`.
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        numerator: a transform of the same updates; the identity by default.

    Returns:
        The transform; its state is that of its branches, `moment` and `numerator`.
        Where the denominator is zero, and then so is the numerator, it emits zero.
        Numbers whose squares would overflow count as the largest whose do not.

    Raises:
        TransformError: `eps` or `eps_root` is negative.

    Reference:
        Kingma & Ba, "Adam", 2015, arXiv:1412.6980; Hinton, lecture 6e, 2012.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_second_moment(0.75, eps=0.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)
        2.0
    """
    if not is_transform(moment):
        moment = second_moment(moment)
    branches = {"moment": moment, "numerator": bounded(numerator)}
    return forked("scale_by_second_moment", RootRatio(eps, eps_root), branches)
