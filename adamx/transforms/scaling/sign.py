"""The sign of the updates."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.types import Array, Param, Shared, Slots, StepResult


class Sign(Rule):
    def degree(self) -> int:
        return 0

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return jnp.sign(g), slots


@transform
def scale_by_sign() -> Sign:
    """Emit the sign of each number of the updates.

    u = sign(g), with sign(0) = 0;  of a complex number the phase, g/|g|

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_sign()
        >>> tx.update(jnp.array([-3.0, 0.0]), tx.init(jnp.zeros(2)))[0].tolist()
        [-1.0, 0.0]
    """
    return Sign()
