"""A second moment of matrices, computed from means of rows and columns."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import lerp
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult


class FactoredMoment(Rule):
    """Keep the axis of each mean with size 1, so that means broadcast."""

    locality = "leaf"
    counts = True

    decay: Hyper | None
    power: Hyper | None
    offset: Hyper
    eps: Hyper
    min_dim_size_to_factor: int
    factored: bool
    last_axes: bool
    eps_floor: bool
    keep_whole: bool

    def slots(self, param: Array) -> Slots:
        axes = self._axes(param.shape)
        if axes is None:
            return {"nu": jnp.zeros_like(param.real) if self.keep_whole else None}

        def zeros(axis: int) -> Array:
            # Like the sum, because its type has the sharding on explicit meshes.
            return jnp.zeros_like(jnp.sum(param.real, axis, keepdims=True))

        return {"nu": {"row": zeros(axes[1]), "col": zeros(axes[0])}}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nu, axes = slots["nu"], self._axes(g.shape)
        if axes is None and not self.keep_whole:
            return jnp.where(jnp.isnan(g.real), g.real, 1), slots
        square = abs_sq(clip_to_squarable(g))
        if not self.eps_floor:
            square = square + self.eps
        share = self._share(shared["count"].astype(square.dtype))
        if axes is None:
            nu = v = lerp(nu, square, share)
        else:
            row, col = (jnp.mean(square, a, keepdims=True) for a in axes[::-1])
            row, col = lerp(nu["row"], row, share), lerp(nu["col"], col, share)
            nu, v = {"row": row, "col": col}, self._product(row, col, axes[0])
        if self.eps_floor:
            v = jnp.maximum(v, jnp.square(self.eps))
        return v, {"nu": nu}

    def _product(self, row: Array, col: Array, axis: int) -> Array:
        mean = jnp.mean(row, axis, keepdims=True)
        if self.eps_floor:
            mean = jnp.maximum(mean, self.eps)
        # Each factor is divided by √mean, because the smallest divided by the mean
        # could underflow.
        root = jnp.sqrt(jnp.where(mean > 0, mean, 1))
        return (row / root) * (col / root)

    def _share(self, count: Array) -> Scalar:
        """Return the weight of the new square, 1 − b."""
        if self.power is None:
            assert self.decay is not None
            return 1 - self.decay
        steps = jnp.where(count > self.offset, count - self.offset, count)
        share = steps**-self.power
        return share if self.decay is None else jnp.maximum(share, 1 - self.decay)

    def _axes(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the axes of rows and columns; None if the shape is not factored."""
        if not self.factored or len(shape) < 2:
            return None
        order = range(len(shape))
        order = order if self.last_axes else sorted(order, key=lambda a: shape[a])
        axes = order[-2], order[-1]
        least = max(self.min_dim_size_to_factor, 1)
        return axes if min(shape[a] for a in axes) >= least else None


@transform
def factored_moment(
    decay: Decay | None = 0.999,
    eps: NonNegative = 1e-30,
    *,
    power: NonNegative | None = None,
    offset: NonNegative = 0.0,
    min_dim_size_to_factor: int = 128,
    factored: bool = True,
    last_axes: bool = False,
    eps_floor: bool = False,
    keep_whole: bool = True,
) -> FactoredMoment:
    """Emit a rank-one moving average of |g|² of each matrix: a statistic.

    r ← b·r + (1−b)·(mean of |g|² + ε over each row),  c likewise over each column
    u = r·c / mean(r)

    `adafactor` divides by its root. The state has m + n numbers for an m×n matrix. The
    two largest axes of a leaf are factored (in a tie, the last), if both are large
    enough; the others are batch axes. Leaves that are not factored have
    ν ← b·ν + (1−b)·(|g|² + ε) and u = ν.

    With `power` c, b starts at 0 and grows: b = 1 − t^(−c) in step t. If `decay` is
    given too, b is the smaller of both.

    Args:
        decay: b in [0, 1); None if only `power` sets b.
        eps: ε ≥ 0, added to the squares.
        power: c ≥ 0; None for a constant b.
        offset: the number of steps after which t restarts at 1, so that the average
            forgets the past when fine-tuning starts.
        min_dim_size_to_factor: the smallest size of both axes.
        factored: False keeps the whole ν for all leaves.
        last_axes: whether to factor the last two axes instead of the two largest.
        eps_floor: whether ε is not added, but a lower bound of mean(r), and ε² of u.
        keep_whole: whether leaves that are not factored have a moment; otherwise they
            have no state, and u = 1.

    Returns:
        A transform that keeps `nu`: trees `row` and `col` for factored leaves, with
        size 1 along the axis of the mean, and `array` for the others. If no leaf is
        factored, `nu` is one tree.

    Raises:
        TransformError: both `decay` and `power` are None.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.factored_moment(0.0, 0.0, min_dim_size_to_factor=2)
        >>> g = jnp.array([[1.0, 2.0], [2.0, 4.0]])
        >>> updates, state = tx.update(g, tx.init(g))
        >>> updates.tolist()
        [[1.0, 4.0], [4.0, 16.0]]
    """
    if decay is None and power is None:
        raise TransformError(
            "factored_moment has no decay",
            expected="a number for decay, for power, or for both",
            got="decay=None, power=None",
        )
    return FactoredMoment(
        decay,
        power,
        offset,
        eps,
        min_dim_size_to_factor,
        factored,
        last_axes,
        eps_floor,
        keep_whole,
    )
