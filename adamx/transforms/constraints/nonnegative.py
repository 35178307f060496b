"""Parameters that stay non-negative."""

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.types import Array, Param, Shared, Slots, StepResult


class KeepNonnegative(Rule):
    needs_params = True

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        if not jnp.iscomplexobj(g):
            return _least(g, param), slots
        return jax.lax.complex(
            _least(g.real, param.real), _least(g.imag, param.imag)
        ), slots


def _least(u: Array, param: Array) -> Array:
    return jnp.where(u < -param, -param, u)


@transform
def keep_params_nonnegative() -> KeepNonnegative:
    """Shorten each update that would make a parameter negative, so that it becomes 0.

    u = max(g, −θ), so that θ + u ≥ 0

    It must be last in a chain, because it assumes that θ + u are the next parameters.
    θ + u ≥ 0 also holds after u is rounded to the dtype of θ. A negative parameter is
    moved to at least 0. Both parts of complex numbers stay non-negative.

    Reference:
        With gradient descent it is the projected gradient method: Goldstein,
        "Convex programming in Hilbert space", 1964.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.sgd(1.0), adamx.keep_params_nonnegative())
        >>> params = jnp.array([1.0, 1.0])
        >>> updates, _ = tx.update(jnp.array([0.5, 3.0]), tx.init(params), params)
        >>> adamx.apply_updates(params, updates).tolist()
        [0.5, 0.0]
    """
    return KeepNonnegative()
