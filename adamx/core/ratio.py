"""Joins that divide a numerator by a moment or by its root."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.rule import Guard, Rule
from adamx.core.transform import Transform, TransformLike, lift
from adamx.numerics.arithmetic import (
    clip_to_squarable,
    clipped,
    is_zero,
    plus,
    safe_divide,
    safe_sqrt,
)
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult


class Squarable(Guard):
    """The clipping that moments apply to gradients; see `clip_to_squarable`."""

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return clip_to_squarable(g), slots


def bounded(numerator: TransformLike | None) -> Transform:
    """Return `numerator` with its input clipped as for the moment that divides it."""
    seen = lift(Squarable(), "squarable")
    return seen if numerator is None else chain(seen, numerator)


class Ratio(Rule):
    """numerator / (moment + eps), a join with a hyperparameter."""

    eps: Hyper

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # Otherwise a zero moment with eps = 0 gives 0/0, which is NaN.
        least = float(jnp.finfo(moment.dtype).tiny)
        return numerator / jnp.maximum(moment + self.eps, least)


class ClippedRatio(Rule):
    """numerator / max(gamma·moment, eps), clipped to clip_threshold."""

    gamma: Hyper
    eps: Hyper
    clip_threshold: Hyper | None

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # At least √tiny, so that the quotient of a `bounded` numerator is finite.
        least = jnp.maximum(self.eps, float(jnp.finfo(moment.dtype).tiny) ** 0.5)
        ratio = numerator / jnp.maximum(self.gamma * moment, least)
        if self.clip_threshold is None:
            return ratio
        return clipped(ratio, self.clip_threshold)


class RootRatio(Rule):
    """numerator / (√(moment + eps_root) + eps), a join with hyperparameters."""

    eps: Hyper
    eps_root: Hyper

    def __call__(self, moment: Array, numerator: Array) -> Array:
        return safe_divide(numerator, root_plus(moment, self.eps, self.eps_root))


def floored_root(moment: Array, eps: Scalar) -> Array:
    """Return max(√moment, eps, √tiny), which is never zero."""
    least = float(jnp.finfo(moment.dtype).tiny) ** 0.5
    return jnp.maximum(jnp.maximum(safe_sqrt(moment), eps), least)


def root_plus(moment: Array, eps: Scalar, eps_root: Scalar) -> Array:
    """Return √(moment + eps_root) + eps, but never zero, because 0/0 is NaN."""
    v = moment if is_zero(eps_root) else plus(moment, eps_root)
    below = safe_sqrt(v) if is_zero(eps) else plus(safe_sqrt(v), eps)
    if any(isinstance(e, float) and e > 0 for e in (eps, eps_root)):
        return below
    # Below √tiny the square of g is denormal, so its root is not |g|.
    return jnp.maximum(below, float(jnp.finfo(below.dtype).tiny) ** 0.5)
