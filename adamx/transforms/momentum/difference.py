"""The difference of the updates of two steps."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.types import Array, Param, Shared, Slots, StepResult


class Difference(Rule):
    counts = True

    from_zero: bool

    def slots(self, param: Array) -> Slots:
        return {"previous": jnp.zeros_like(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        change = g - slots["previous"]
        if not self.from_zero:
            # 0·g instead of 0, so that a NaN in the first step is visible.
            change = jnp.where(shared["count"] > 1, change, 0 * g)
        return change, {"previous": g}


@transform
def difference(from_zero: bool = False) -> Difference:
    """Emit the difference of the updates and those of the last step.

    u = g − p;  p ← g

    `adan` averages it.

    Args:
        from_zero: whether p is zero in the first step; otherwise it is g.

    Returns:
        A transform that keeps `previous`, p.

    Example:
        >>> tx = difference()
        >>> first, state = tx.update(4.0, tx.init(0.0))
        >>> second, state = tx.update(5.0, state)
        >>> float(first), float(second)
        (0.0, 1.0)
    """
    return Difference(from_zero)
