"""Division by the root of a second moment, in smaller steps when it was too small."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.fork import fed, forked
from adamx.core.node import Node
from adamx.core.ratio import RootRatio, bounded, floored_root
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.types import Array, Hyper


class Surprise(Rule):
    """The gradient in units of what was expected."""

    eps: Hyper

    def __call__(self, updates: Array, moment: Array) -> Array:
        return squarable(updates) / floored_root(moment, self.eps)


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
) -> Rule | Node:
    """Divide by the root of the second moment, and again by how much g exceeds it.

    u = then(n / (√v + ε)) / max(1, RMS), with RMS² = mean of |g|² / max(v, ε²)

    The mean is over one leaf; v is what `moment` emits and n what `numerator`. It is
    Adafactor's clipping, but of the gradient's size instead of the update's.

    Args:
        moment: a transform that emits a statistic of the updates.
        eps: ε ≥ 0, beside the root, and the least that it counts as in the RMS.
        numerator: a transform of the same updates; the identity by default.
        then: what is done to the quotient before it is made smaller, such as adding
            weight decay.

    Returns:
        The transform; its state is that of its branches, `moment`, `numerator` and
        `update`.

    Raises:
        TransformError: `eps` is negative.

    Reference:
        Wortsman et al., "Stable and low-precision training for large-scale
        vision-language models", 2023, arXiv:2304.13013, algorithm 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_stable_moment(adamx.second_moment(0.75))
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> round(float(updates), 6)  # 4 / 2, and again by an RMS of 2
        1.0
    """
    branches = {
        "moment": moment,
        "numerator": bounded(numerator),
        "update": fed(RootRatio(eps, 0.0), chain() if then is None else then),
        "surprise": fed(Surprise(eps)),
    }
    return forked("scale_by_stable_moment", Calmed(), branches)
