"""The arctangent: a smooth bound."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import abs_sq, safe_sqrt, squarable
from adamx.types import Array, Hyper, Shared, Slots


class Arctangent(Rule):
    a: Hyper
    b: Hyper

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        ratio = g / jnp.maximum(self.b, float(jnp.finfo(g.dtype).tiny))
        if not jnp.iscomplexobj(ratio):
            return self.a * jnp.arctan(ratio), slots
        size = safe_sqrt(abs_sq(squarable(ratio)))
        least = float(jnp.finfo(size.dtype).tiny) ** 0.5
        share = jnp.arctan(size) / jnp.maximum(size, least)
        return self.a * share * squarable(ratio), slots


@transform
def arctangent(a: NonNegative = 1.0, b: NonNegative = 1.0) -> Arctangent:
    """Bend the updates to an interval: a·π/2 is never exceeded.

    u = a · arctan(g / b); of a complex g the absolute value is bent

    Small updates are multiplied by a/b.

    Args:
        a: a ≥ 0, a number, traced scalar or schedule.
        b: b ≥ 0, where the bend is; 0 leaves the sign alone.

    Returns:
        The transform; without state, unless an argument is a schedule.

    Raises:
        TransformError: an argument is negative.

    Reference:
        Everett et al., "Scaling Exponents Across Parameterizations and Optimizers",
        2024, arXiv:2407.05872.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.arctangent(4.0)
        >>> updates, _ = tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))
        >>> round(float(updates), 6)
        3.141593
    """
    return Arctangent(a, b)
