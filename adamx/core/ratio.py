"""Joins that divide: a numerator over a moment, its root, or no less than a bound."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.rule import Identity, Rule, is_one
from adamx.core.transform import Transform, TransformLike, lift
from adamx.numerics.arithmetic import clipped, is_zero, quotient, safe_sqrt, squarable
from adamx.tree.record import replace
from adamx.types import Array, Hyper, Scalar, Shared, Slots


class Squarable(Identity):
    """Emits what a moment sees; see `squarable`."""

    averages = False

    def degree(self) -> int | None:
        return None

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        return squarable(g), slots


def bounded(numerator: TransformLike | None) -> Transform:
    """`numerator`, given the same gradients as the moment below it sees."""
    seen = lift(Squarable(), "squarable")
    return seen if numerator is None else chain(seen, numerator)


class Ratio(Rule):
    """numerator / (moment + eps), a join with a hyperparameter."""

    eps: Hyper

    def fold(self, moment: Scalar, numerator: Scalar) -> tuple["Ratio", Scalar]:
        """Take the branches' gains out of the arrays."""
        return replace(self, eps=self.eps / moment), numerator / moment

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # With eps = 0 the moment may be 0, and then so is the numerator.
        least = float(jnp.finfo(moment.dtype).tiny)
        return numerator / jnp.maximum(moment + self.eps, least)


class ClippedRatio(Rule):
    """numerator / max(gamma·moment, eps), no larger than clip_threshold."""

    gamma: Hyper
    eps: Hyper
    clip_threshold: Hyper | None

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # No less than what a bounded numerator can be divided by.
        least = jnp.maximum(self.eps, float(jnp.finfo(moment.dtype).tiny) ** 0.5)
        ratio = numerator / jnp.maximum(self.gamma * moment, least)
        if self.clip_threshold is None:
            return ratio
        return clipped(ratio, self.clip_threshold)


class RootRatio(Rule):
    """numerator / (√(moment + eps_root) + eps), a join with hyperparameters."""

    eps: Hyper
    eps_root: Hyper

    def fold(self, moment: Scalar, numerator: Scalar) -> tuple["RootRatio", Scalar]:
        """Take the branches' gains out of the arrays.

        With s = √(gain of the moment) and n the gain of the numerator,
        n·m / (√(s²·v + ε_root) + ε) = (n/s) · m / (√(v + ε_root/s²) + ε/s).
        """
        if is_one(moment):
            return self, numerator
        inverse = jnp.sqrt(1 / moment)
        eps = self.eps if is_zero(self.eps) else self.eps * inverse
        root = self.eps_root if is_zero(self.eps_root) else self.eps_root / moment
        return replace(self, eps=eps, eps_root=root), numerator * inverse

    def __call__(self, moment: Array, numerator: Array) -> Array:
        return quotient(numerator, root_plus(moment, self.eps, self.eps_root))


def floored_root(moment: Array, eps: Scalar) -> Array:
    """max(√moment, eps), and not zero."""
    least = float(jnp.finfo(moment.dtype).tiny) ** 0.5
    return jnp.maximum(jnp.maximum(safe_sqrt(moment), eps), least)


def root_plus(moment: Array, eps: Scalar, eps_root: Scalar) -> Array:
    """√(moment + eps_root) + eps, and not zero: what is over it is zero then too."""
    v = moment if is_zero(eps_root) else moment + eps_root
    below = safe_sqrt(v) if is_zero(eps) else safe_sqrt(v) + eps
    if any(isinstance(e, float) and e > 0 for e in (eps, eps_root)):
        return below
    # Below that the square is denormal, and its root no longer |g|.
    return jnp.maximum(below, float(jnp.finfo(below.dtype).tiny) ** 0.5)
