"""A second moment shared along each axis: what the covers of a number agree on."""

import functools

import jax.numpy as jnp

from adamx.core.rule import Live, Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.numerics.averages import moving_average, running_mean
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Shared, Slots


class CoverMoment(Rule):
    """A sum is kept as the mean of its terms, and emitted times their count."""

    locality = "leaf"
    counts = True

    decay: Hyper | None
    keep_largest: bool

    def slots(self, param: Array) -> Slots:
        def zeros(others: tuple[int, ...]) -> Array:
            return jnp.zeros_like(jnp.sum(param.real, others, keepdims=True))

        return {"nu": tuple(map(zeros, _others(param.ndim)))}

    def tick(self, shared: Shared, extra: object) -> Live:
        live = super().tick(shared, extra)  # pyright: ignore[reportArgumentType]
        if self.decay is not None:
            return live
        return live._replace(gain=live.shared["count"].astype(scalar_dtype()))

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        covers = slots["nu"]
        least, square = functools.reduce(jnp.minimum, covers), abs_sq(squarable(g))
        if self.decay is None:
            nu = running_mean(least, square, shared["count"])
        else:
            nu = moving_average(least, square, self.decay)
        new = tuple(_largest(nu, others) for others in _others(g.ndim))
        if self.keep_largest:
            new = tuple(map(jnp.maximum, covers, new))
        return nu, {"nu": new}


def _others(ndim: int) -> list[tuple[int, ...]]:
    """For each axis the others; a scalar is covered by itself."""
    axes = range(ndim)
    return [tuple(a for a in axes if a != axis) for axis in axes] or [()]


def _largest(nu: Array, axes: tuple[int, ...]) -> Array:
    return jnp.max(nu, axes, keepdims=True, initial=0.0) if axes else nu


@transform
def cover_moment(
    decay: Decay | None = None, *, keep_largest: bool = False
) -> CoverMoment:
    """Emit a bound of the sum of |g|², from one number for each index of each axis.

    ν = min over axes of the κ of its index, plus |g|²
    κ ← the largest ν with that index, for each axis
    u = ν

    ν is at least the sum that `sum_of_squares` emits. An m×n matrix has m + n numbers
    of state, a vector n: there it is that sum. With `decay` b it is an average:
    ν = b·min κ + (1−b)·|g|².

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule; None for the sum.
        keep_largest: whether an average κ never falls. A sum does not anyway, and its
            mean is not what would be kept: leave it False there.

    Returns:
        The transform; its state is the `count` of steps and `nu`: a tree of κ for each
        axis, `"0"`, `"1"`, …, real, at least float32, with the other axes kept as 1. Of
        a sum they are the means.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Anil, Gupta, Koren & Singer, "Memory-Efficient Adaptive Optimization", 2019,
        arXiv:1901.11150, SM3-II.

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
