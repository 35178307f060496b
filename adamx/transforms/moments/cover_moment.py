"""A second moment bounded by one number for each index of each axis."""

import functools

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import moving_average, running_mean
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class CoverMoment(Rule):
    """Keep a sum as the mean of its terms, because a float32 sum stops growing."""

    locality = "leaf"
    counts = True

    decay: Hyper | None
    keep_largest: bool

    def slots(self, param: Array) -> Slots:
        def zeros(others: tuple[int, ...]) -> Array:
            return jnp.zeros_like(jnp.sum(param.real, others, keepdims=True))

        return {"nu": tuple(map(zeros, _others(param.ndim)))}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        covers, count = slots["nu"], shared["count"]
        least, square = (
            functools.reduce(jnp.minimum, covers),
            abs_sq(clip_to_squarable(g)),
        )
        if self.decay is None:
            nu = running_mean(least, square, count)
        else:
            nu = moving_average(least, square, self.decay)
        new = tuple(_largest(nu, others) for others in _others(g.ndim))
        if self.keep_largest:
            new = tuple(map(jnp.maximum, covers, new))
        emitted = nu if self.decay is not None else nu * count.astype(nu.dtype)
        return emitted, {"nu": new}


def _others(ndim: int) -> list[tuple[int, ...]]:
    """Return all other axes for each axis; for a scalar one empty tuple."""
    axes = range(ndim)
    return [tuple(a for a in axes if a != axis) for axis in axes] or [()]


def _largest(nu: Array, axes: tuple[int, ...]) -> Array:
    return jnp.max(nu, axes, keepdims=True, initial=0.0) if axes else nu


@transform
def cover_moment(
    decay: Decay | None = None, *, keep_largest: bool = False
) -> CoverMoment:
    """Emit an upper bound of the sum of |g|², kept as one number per index of an axis.

    ν = (the least κ among the axes, at the index of the number) + |g|²
    κ ← the largest ν at that index, for each axis
    u = ν

    `sm3` divides by its root. ν is at least the sum that `sum_of_squares` emits. The
    state has m + n numbers for an m×n matrix. For a vector it has n, and ν is the sum.
    With `decay` b, ν is an average: ν = b·min κ + (1−b)·|g|².

    Args:
        decay: b in [0, 1); None for the sum.
        keep_largest: whether κ of an average never falls. It has no effect on the sum,
            which never falls.

    Returns:
        A transform that keeps `nu`: a tree of κ for each axis, `"0"`, `"1"`, …, with
        size 1 along the other axes. For a sum, κ is kept as a mean over the steps.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.cover_moment()
        >>> g = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> _, state = tx.update(g, tx.init(g))
        >>> tx.update(0 * g, state)[0].tolist()  # rows saw 4 and 16, columns 9, 16
        [[4.0, 4.0], [9.0, 16.0]]
    """
    return CoverMoment(decay, keep_largest and decay is not None)
