"""Division by the root of a second moment, clipped when gradients exceed it."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.fork import forked, with_input
from adamx.core.ratio import RootRatio, bounded, floored_root
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.types import Array, Hyper


class Surprise(Rule):
    """Join to the gradient divided by the root of its moment."""

    eps: Hyper

    def __call__(self, updates: Array, moment: Array) -> Array:
        return clip_to_squarable(updates) / floored_root(moment, self.eps)


class Calmed(Rule):
    locality = "leaf"

    def __call__(self, update: Array, surprise: Array) -> Array:
        mean = jnp.sum(abs_sq(surprise)) / max(surprise.size, 1)
        return update / jnp.sqrt(jnp.maximum(mean, 1))


@transform
def scale_by_stable_moment(
    moment: TransformLike,
    eps: NonNegative = 1e-8,
    *,
    numerator: TransformLike | None = None,
    then: TransformLike | None = None,
) -> Rule | TreeTransform:
    """Divide by the root of the second moment, and clip by how much g exceeds it.

    u = then(n / (√v + ε)) / max(1, RMS), with RMS² = mean of |g|² / max(v, ε²)

    The mean is over one leaf; `moment` emits v, `numerator` n. This is Adafactor's
    clipping, but of the gradient instead of the update; see `stable_adamw`.

    See `scale_by_second_moment` for the other arguments.

    Args:
        eps: ε ≥ 0, added to the root in u, and a lower bound of the root in the RMS.
        then: a transform of the quotient before the division by max(1, RMS), such as
            weight decay.

    Returns:
        A transform that keeps the states of `moment`, `numerator` and `update`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_stable_moment(adamx.second_moment(0.75))
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 6)  # 4 / 2, and again by an RMS of 2
        1.0
    """
    branches = {
        "moment": moment,
        "numerator": bounded(numerator),
        "update": with_input(RootRatio(eps, 0.0), chain() if then is None else then),
        "surprise": with_input(Surprise(eps)),
    }
    return forked("scale_by_stable_moment", Calmed(), branches)
