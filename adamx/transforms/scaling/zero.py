"""Replacement of NaN, or of all updates, by zeros."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.types import Array, Param, Shared, Slots, StepResult


class ZeroNans(Rule):
    locality = "leaf"

    def slots(self, param: Array) -> Slots:
        return {"found_nan": jnp.zeros((), bool)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nan = jnp.isnan(g)
        return jnp.where(nan, jnp.zeros_like(g), g), {"found_nan": jnp.any(nan)}


@transform
def zero_nans() -> ZeroNans:
    """Replace each NaN by 0, and record the leaves that had one.

    u = 0 where g is NaN, otherwise g

    ∞ is unchanged. A complex number is NaN if one of its parts is. If one NaN means
    that the whole gradient is wrong, skip the step with `apply_if_finite` instead.

    Returns:
        A transform that keeps `found_nan`, a bool of shape () for each leaf: whether
        its last update had a NaN.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.zero_nans()
        >>> grads = {"w": jnp.array([1.0, jnp.nan]), "b": jnp.array(2.0)}
        >>> updates, state = tx.update(grads, tx.init(grads))
        >>> updates["w"].tolist()
        [1.0, 0.0]
        >>> {name: bool(x) for name, x in state["zero_nans"]["found_nan"].items()}
        {'b': False, 'w': True}
    """
    return ZeroNans()


class SetToZero(Rule):
    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        # Computed from g, so that XLA gives the zeros the sharding of g.
        return jnp.where(False, g, jnp.zeros((), g.dtype)), slots


@transform
def set_to_zero() -> SetToZero:
    """Emit zeros for all updates.

    u = 0

    To keep leaves unchanged use `freeze` instead. A piece behind `set_to_zero`, such as
    weight decay, can still change them; a piece before it still gets the gradients.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> adamx.set_to_zero().update(jnp.array([1.0, jnp.nan]), {})[0].tolist()
        [0.0, 0.0]
    """
    return SetToZero()
