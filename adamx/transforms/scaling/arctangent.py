"""The arctangent of updates, a smooth bound."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable, safe_sqrt
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class Arctangent(Rule):
    a: Hyper
    b: Hyper

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        ratio = g / jnp.maximum(self.b, float(jnp.finfo(g.dtype).tiny))
        if not jnp.iscomplexobj(ratio):
            return self.a * jnp.arctan(ratio), slots
        size = safe_sqrt(abs_sq(clip_to_squarable(ratio)))
        least = float(jnp.finfo(size.dtype).tiny) ** 0.5
        share = jnp.arctan(size) / jnp.maximum(size, least)
        return self.a * share * clip_to_squarable(ratio), slots


@transform
def arctangent(a: NonNegative = 1.0, b: NonNegative = 1.0) -> Arctangent:
    """Bound the updates smoothly by an arctangent: |u| never exceeds a·π/2.

    u = a · arctan(g / b); for a complex g, of the absolute value

    Small updates are multiplied by a/b. `adam_atan2` uses it.

    Args:
        a: a ≥ 0.
        b: b ≥ 0, the scale of g at which it saturates; for 0, u = a·π/2·sign(g).

    Example:
        >>> import adamx
        >>> tx = adamx.arctangent(4.0)
        >>> updates, _ = tx.update(1.0, tx.init(0.0))
        >>> round(float(updates), 6)
        3.141593
    """
    return Arctangent(a, b)
