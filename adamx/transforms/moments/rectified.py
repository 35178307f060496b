"""Division by the root of a second moment once it averages enough steps."""

from typing import Any

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.ratio import RootRatio
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import clip_to_squarable, is_zero
from adamx.numerics.averages import ema_weight_sum, mean_age
from adamx.tree.pytree_dataclass import replace
from adamx.types import Array, Hyper, Scalar, Shared


class RectifiedRatio(RootRatio):
    """Join to r · numerator / (√(moment + eps_root) + eps); the numerator if r is 0."""

    counts = True

    decay: Hyper
    threshold: Hyper
    eps_hat: bool
    silent_start: bool
    strength: Scalar = 0.0
    """r of this step."""

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        count = shared["count"]
        now = {"strength": rectification(self.decay, self.threshold, count)}
        if self.eps_hat and not is_zero(self.eps):
            now["eps"] = self.eps / jnp.sqrt(ema_weight_sum(self.decay, count))
        return {**shared, "now": now}

    def changes(self) -> bool:
        return True

    def resolve(self, shared: Shared) -> Rule:
        return replace(super().resolve(shared), **shared["now"])

    def __call__(self, moment: Array, numerator: Array) -> Array:
        # Clipped only here, because a numerator that is not divided need not have a
        # finite square.
        rectified = self.strength * super().__call__(
            moment, clip_to_squarable(numerator)
        )
        # 0·n instead of 0, so that a NaN in the first step is visible.
        early = 0 * numerator if self.silent_start else numerator
        return jnp.where(self.strength > 0, rectified, early)


def rectification(decay: Scalar, threshold: Scalar, count: Array) -> Array:
    """Return r of the paper; 0 if the average is too short."""
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
) -> Rule | TreeTransform:
    """Divide by the root of the second moment once it averages enough steps.

    u = r · n / (√(v + ε_root) + ε) where ρ ≥ `threshold`, otherwise u = n

    `moment` emits v, `numerator` n. With ρ∞ = 2/(1−b) − 1:

        ρ = ρ∞ − 2·t·bᵗ/(1−bᵗ),  r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ))

    ρ is the length of the plain average with the same variance as the moving average
    after t steps. With Adam's moments it is the direction of `radam`.

    See `scale_by_second_moment` for the other arguments.

    Args:
        decay: b in [0, 1), the decay of `moment`.
        threshold: the smallest ρ at which to divide; ρ ≤ 4 never divides.
        eps_hat: whether ε is added to the root before the moment's bias correction.
        silent_start: whether to emit 0 instead of n while ρ is smaller.

    Returns:
        A transform that keeps the states of its branches.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_rectified_moment(adamx.second_moment(0.9), 0.9)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates)
        4.0
    """
    branches = {"moment": moment, "numerator": numerator or chain()}
    ratio = RectifiedRatio(eps, eps_root, decay, threshold, eps_hat, silent_start)
    return forked("scale_by_rectified_moment", ratio, branches)
