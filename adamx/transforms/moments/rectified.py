"""Division by the root of a second moment, once that is known well enough."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.node import Node
from adamx.core.ratio import RootRatio
from adamx.core.rule import Live, Rule, is_one
from adamx.core.transform import TransformLike, transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import squarable
from adamx.numerics.averages import mean_age
from adamx.tree.record import replace
from adamx.types import Array, Hyper, Scalar, Shared


class RectifiedRatio(RootRatio):
    """r · numerator / (√(moment + eps_root) + eps), or the numerator where r is 0."""

    counts = True

    decay: Hyper
    threshold: Hyper
    eps_hat: bool
    silent_start: bool
    strength: Scalar = 0.0
    """r in this step, over the root of the moment's gain."""

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        live = super().tick(shared, extra)
        rule = live.rule
        assert isinstance(rule, RectifiedRatio)
        count = live.view["count"]
        strength = rectification(rule.decay, rule.threshold, count)
        return live._replace(rule=replace(rule, strength=strength))

    def fold(self, moment: Scalar, numerator: Scalar) -> tuple[RootRatio, Scalar]:
        """Take the branches' gains out of the arrays; see `RootRatio.fold`."""
        if is_one(moment):
            return self, numerator
        ratio, factor = super().fold(moment, 1.0)
        assert isinstance(ratio, RectifiedRatio)
        eps = self.eps if self.eps_hat else ratio.eps
        return replace(ratio, eps=eps, strength=self.strength * factor), numerator

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # Bounded here alone: a numerator that is not divided has no squares beside it.
        rectified = self.strength * super().__call__(moment, squarable(numerator))
        # 0·n instead of 0, so that a first NaN shows.
        early = 0 * numerator if self.silent_start else numerator
        return jnp.where(self.strength > 0, rectified, early)


def rectification(decay: Scalar, threshold: Scalar, count: Array) -> Array:
    """R of the paper, and 0 where the average is too short for it."""
    length, longest = 2 * mean_age(decay, count) - 1, 2 / (1 - decay) - 1
    enough = (length >= threshold) & (length > 4)
    length = jnp.where(enough, length, 8.0)
    longest = jnp.where(enough, longest, 8.0)
    share = (length - 4) / (longest - 4) * (length - 2) / (longest - 2)
    return jnp.where(enough, jnp.sqrt(share * longest / length), 0)


@transform
def scale_by_rectified_moment(
    moment: TransformLike,
    decay: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    threshold: NonNegative = 5.0,
    *,
    numerator: TransformLike | None = None,
    eps_hat: bool = False,
    silent_start: bool = False,
) -> Rule | Node:
    """Divide by the root of the second moment as soon as that is the mean of enough.

    u = r · n / (√(v + ε_root) + ε) where ρ ≥ `threshold`, otherwise u = n

    v is what `moment` emits, n what `numerator` emits, ρ = ρ∞ − 2·t·bᵗ/(1−bᵗ) the
    length of a plain average as uncertain as one with decay b after t steps,
    ρ∞ = 2/(1−b) − 1, and r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ)).

    Args:
        moment: a transform that emits a statistic of the updates.
        decay: b in [0, 1), the decay of that statistic.
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        threshold: the least ρ to divide with; nothing is divided with ρ ≤ 4.
        numerator: a transform of the same updates; the identity by default.
        eps_hat: whether ε stands beside the root before the moment's bias correction.
        silent_start: whether to emit 0 instead of n where ρ is less.

    Returns:
        The transform; its state is that of its branches, float32 at least, and a
        `count`.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020,
        arXiv:1908.03265.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_rectified_moment(adamx.second_moment(0.9), 0.9)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)
        4.0
    """
    branches = {"moment": moment, "numerator": numerator or chain()}
    ratio = RectifiedRatio(eps, eps_root, decay, threshold, eps_hat, silent_start)
    return forked("scale_by_rectified_moment", ratio, branches)
