"""The angle between a numerator and the root of a second moment."""

import jax.numpy as jnp

from adamx.core.fork import forked
from adamx.core.hyper import NonNegative
from adamx.core.node import Node
from adamx.core.numerics import safe_sqrt
from adamx.core.ratio import bounded
from adamx.core.record import replace
from adamx.core.rule import Rule, is_one
from adamx.core.transform import TransformLike, transform
from adamx.core.types import Array, Hyper, Scalar


class RootAngle(Rule):
    """a · atan2(numerator, b·√moment), a join without an ε."""

    a: Hyper
    b: Hyper
    gain: Scalar = 1.0
    """That of the numerator, over the root of that of the moment."""

    def fold(self, moment: Scalar, numerator: Scalar) -> tuple["RootAngle", Scalar]:
        """Take the branches' gains out of the arrays."""
        if not is_one(moment):
            numerator = numerator * jnp.sqrt(1 / moment)
        return replace(self, a=1.0, gain=numerator), self.a

    def __call__(self, moment: Array, numerator: Array) -> Array:
        root = self.b * safe_sqrt(moment)
        if not jnp.iscomplexobj(numerator):
            return _angle(self.gain * numerator, root)
        size = jnp.abs(jnp.where(numerator == 0, 1, numerator))
        phase = numerator / size
        return phase * _angle(self.gain * jnp.abs(phase) * size, root)


def _angle(top: Array, below: Array) -> Array:
    # At (0, 0) atan2 is 0, but has no derivative.
    known = (below > 0) | (top != 0)
    return jnp.where(known, jnp.arctan2(top, jnp.where(known, below, 1)), 0 * top)


@transform
def scale_by_angle(
    moment: TransformLike,
    a: NonNegative = 1.27,
    b: NonNegative = 1.0,
    *,
    numerator: TransformLike | None = None,
) -> Rule | Node:
    """Take the angle of a numerator over the root of the second moment.

    u = a · atan2(n, b·√v), where v is what `moment` emits and n what `numerator`

    Near n/(b·√v) while that is small, and never more than a·π/2. There is no ε: the
    angle does not change with the scale of the gradients, and is 0 where both are 0.

    Args:
        moment: a transform that emits a statistic of the updates.
        a: a ≥ 0, a factor; 4/π ≈ 1.27 makes an angle of 45° one.
        b: b ≥ 0, how large a quotient is taken as it is.
        numerator: a transform of the same updates; the identity by default.

    Returns:
        The transform; its state is that of its branches, float32 at least.

    Raises:
        TransformError: `a` or `b` is negative.

    Reference:
        Everett et al., "Scaling Exponents Across Parameterizations and Optimizers",
        2024, arXiv:2407.05872.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_angle(adamx.second_moment(0.0), a=4 / jnp.pi)
        >>> updates, state = tx.update(jnp.array(-4.0), tx.init(jnp.array(0.0)))
        >>> round(float(updates), 6)
        -1.0
    """
    branches = {"moment": moment, "numerator": bounded(numerator)}
    return forked("scale_by_angle", RootAngle(a, b), branches)
