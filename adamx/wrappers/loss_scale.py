"""Loss scaling, so that float16 gradients do not underflow."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Gate, wrap
from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Number, PositiveInteger
from adamx.numerics.arithmetic import all_finite
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.state import named
from adamx.types import Array, Params, Scalar, State, Updates

Factor: TypeAlias = Annotated[Scalar, Number(above=0.0, zero=False)]


class LossScale(Gate):
    init_scale: Scalar
    growth_interval: PositiveInteger
    growth_factor: Scalar
    backoff_factor: Scalar

    def begin(self, params: Params) -> dict[str, Any]:
        scale = jnp.array(self.init_scale, scalar_dtype())
        return {"loss_scale": scale, "good_steps": jnp.zeros((), jnp.int32)}

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        scale = own_state["loss_scale"]
        true = jax.tree.map(lambda g: g / scale.astype(g.real.dtype), updates)
        finite, steps = all_finite(updates), next_count(own_state["good_steps"])
        grow = steps >= self.growth_interval
        # Clipped, because gradients cannot be divided by 0 or ∞.
        bounds = float(jnp.finfo(jnp.float32).tiny), 2.0**126
        grown = jnp.where(grow, scale * self.growth_factor, scale)
        scale = jnp.clip(
            jnp.where(finite, grown, scale * self.backoff_factor), *bounds
        ).astype(scale.dtype)
        steps = jnp.where(finite & ~grow, steps, 0)
        return true, finite, {"loss_scale": scale, "good_steps": steps}


@transform
def dynamic_loss_scale(
    inner: TransformLike,
    init_scale: Factor = 2.0**15,
    growth_interval: PositiveInteger = 2000,
    growth_factor: Factor = 2.0,
    backoff_factor: Factor = 0.5,
) -> Transform:
    """Divide gradients by the scale of the loss, and adapt the scale.

    g finite:     u = inner(g / s);  s ← 2·s after each n such steps in a row
    g not finite: u = 0, the state of `inner` is unchanged;  s ← s/2

    Float16 gradients below 6e-8 underflow to zero; those of s·L do not. Differentiate
    the loss times `loss_scale(state)`:
    `jax.grad(lambda p: adamx.loss_scale(state) * loss(p))`. The division is in
    float32.

    Args:
        inner: a whole optimizer.
        init_scale: the first s, > 0.
        growth_interval: n ≥ 1, an integer.
        growth_factor: the factor by which s grows, ≥ 1.
        backoff_factor: the factor by which s shrinks, in (0, 1].

    Returns:
        A transform that keeps `loss_scale`, `good_steps`, int32, and `inner`.

    Reference:
        Micikevicius et al., "Mixed Precision Training", 2017, arXiv:1710.03740. The
        defaults are those of PyTorch's `GradScaler`, except for its first scale,
        65,536, with which float16 losses of 1 overflow.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dynamic_loss_scale(adamx.sgd(1.0))
        >>> params = jnp.float16(1.0)
        >>> state = tx.init(params)
        >>> loss = lambda p: jnp.float16(1e-4) * p * jnp.float16(1e-3)
        >>> scaled = lambda p: adamx.loss_scale(state).astype(p.dtype) * loss(p)
        >>> updates, state = tx.update(jax.grad(scaled)(params), state, params)
        >>> round(float(updates) * 1e7, 1)
        -1.2
    """
    plan = as_transform(inner).plan
    numbers = init_scale, growth_interval, growth_factor, backoff_factor
    return wrap(LossScale("dynamic_loss_scale", plan, *numbers))


def loss_scale(state: State) -> Array:
    """Return the factor to multiply the loss with before differentiation.

    Args:
        state: the state of a transform with `dynamic_loss_scale` anywhere in it.

    Returns:
        A float array of shape ().

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dynamic_loss_scale(adamx.sgd(1.0), 256.0)
        >>> float(adamx.loss_scale(tx.init(jnp.ones(2))))
        256.0
    """
    found = [*named(state, "dynamic_loss_scale")]
    if len(found) != 1:
        raise TransformError(
            "there must be one dynamic_loss_scale in the state",
            piece="loss_scale",
            expected="the state of a transform with one in it",
            got=f"{len(found)} of them",
        )
    return found[0]["loss_scale"]
