"""Clipping of each number, of the norm of each leaf, or of the norm of all leaves."""

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import clipped
from adamx.numerics.norms import norm_of, scaled_root_mean_square, shrunk
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class Clip(Rule):
    max_delta: Rate

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return clipped(g, self.max_delta), slots


@transform
def clip(max_delta: NonNegative) -> Clip:
    """Clip each number of the updates to an interval around zero.

    u = min(max(g, −δ), δ);  of a complex number the modulus: u = g · min(1, δ/|g|)

    Args:
        max_delta: δ ≥ 0.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.clip(1.0)
        >>> tx.update(jnp.array([0.5, -3.0]), tx.init(jnp.zeros(2)))[0].tolist()
        [0.5, -1.0]
    """
    return Clip(max_delta)


class ClipByNorm(Rule):
    locality = "leaf"

    max_norm: Rate

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        by, times = shrunk(norm_of(g), self.max_norm)
        return g / by * times, slots


@transform
def clip_by_norm(max_norm: NonNegative) -> ClipByNorm:
    """Scale the updates of each leaf so that their 2-norm is at most c.

    u = g · min(1, c / ‖g‖), where ‖g‖ is over all numbers of one leaf

    `clip_by_global_norm` keeps the direction of the whole tree.

    Args:
        max_norm: c ≥ 0.

    Reference:
        Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural
        networks", 2013, arXiv:1211.5063, leaf by leaf.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.clip_by_norm(1.0)
        >>> grads = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([0.5])}
        >>> updates, _ = tx.update(grads, tx.init(grads))
        >>> [round(float(u), 6) for u in updates["a"]], float(updates["b"][0])
        ([0.6, 0.8], 0.5)
    """
    return ClipByNorm(max_norm)


class ClipByBlockRms(Rule):
    locality = "leaf"

    threshold: Rate

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        by, times = shrunk(scaled_root_mean_square(g), self.threshold)
        return g / by * times, slots


@transform
def clip_by_block_rms(threshold: NonNegative) -> ClipByBlockRms:
    """Scale each leaf down so that its root mean square is at most d.

    u = g · min(1, d / RMS(g)), with RMS(g) = √(Σ |g|² / n) over the leaf's n numbers

    Args:
        threshold: d ≥ 0.

    Reference:
        Shazeer & Stern, "Adafactor", 2018, arXiv:1804.04235, section 6.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.clip_by_block_rms(1.0)
        >>> tx.update(jnp.array([2.0, -2.0]), tx.init(jnp.zeros(2)))[0].tolist()
        [1.0, -1.0]
    """
    return ClipByBlockRms(threshold)


class ClipByGlobalNorm(GlobalNormRule):
    max_norm: Rate

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        by, times = shrunk(self.global_norm(shared, over_leaves), self.max_norm)
        return {**shared, "by": by, "times": times}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g / shared["by"] * shared["times"], slots


@transform
def clip_by_global_norm(max_norm: NonNegative) -> ClipByGlobalNorm:
    """Scale all updates down together so that their common norm is at most c.

    u = g · min(1, c / ‖g‖), with ‖g‖ = √(Σ |gᵢ|²) over all leaves

    Inside `masked`, or inside one transform of a `partition`, the norm is that of the
    leaves of that group. Otherwise it is that of all leaves that are not frozen.

    The norm does not overflow if g does not. A single NaN or ∞ in g makes all updates
    NaN; skip such steps with `apply_if_finite`.

    Args:
        max_norm: c ≥ 0.

    Reference:
        Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural
        networks", 2013, arXiv:1211.5063.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.clip_by_global_norm(1.0)
        >>> updates, _ = tx.update(jnp.array([0.0, -4.0]), tx.init(jnp.zeros(2)))
        >>> updates.tolist()
        [0.0, -1.0]
    """
    return ClipByGlobalNorm(max_norm)
