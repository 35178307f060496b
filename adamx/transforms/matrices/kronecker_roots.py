"""Inverse roots of Kronecker factors, and the update preconditioned by them."""

from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.ratio import RootRatio, Squarable
from adamx.core.rule import Rule, Stacked
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    PositiveInteger,
    Stacking,
    Whole,
)
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.linalg.inverse_root import RootMethod, inverse_root
from adamx.linalg.kronecker import (
    Sides,
    along,
    block_lengths,
    in_blocks,
    out_of_blocks,
    sides,
    squarable_matrix,
    squares,
)
from adamx.numerics.arithmetic import (
    clip_to_squarable,
    clipped,
    divisor,
    is_zero,
    largest_squarable,
    power,
)
from adamx.numerics.averages import is_refresh_step, lerp
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import largest_of, norm_of
from adamx.schedules.arguments import AtLeastZero
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult

Root: TypeAlias = Annotated[int, Whole(2)]


class SquarableMatrix(Squarable):
    """Scale gradients down so that squares do not overflow; see `squarable_matrix`."""

    locality = "leaf"

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return (squarable_matrix(g) if g.ndim > 1 else clip_to_squarable(g)), slots


class KroneckerRoots(Rule):
    """Update factors by `factor += share * (new - factor)`, an average or a mean."""

    locality = "leaf"
    counts = True
    refreshes = True

    decay: Hyper | None
    eps: Hyper
    precondition_frequency: int
    block_size: int
    max_precond_dim: int
    exponent_override: int | None
    method: str
    initial: Scalar
    stacked: Stacked

    def stacks(self) -> Stacked:
        return self.stacked

    def shared(self) -> Shared:
        corrected = self.decay is not None and is_zero(self.initial)
        return {"weight": jnp.zeros((), scalar_dtype())} if corrected else {}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        count = shared["count"].astype(scalar_dtype())
        if self.decay is None:
            return {**shared, "share": 1 / count, "total": count}
        share = jnp.asarray(1 - self.decay, scalar_dtype())
        if "weight" in shared:
            weight = lerp(shared["weight"], jnp.ones_like(share), share)
            return {**shared, "weight": weight, "share": share / weight}
        return {**shared, "share": share}

    def slots(self, param: Array) -> Slots:
        first = 0.0 if self.decay is None else self.initial

        def some(n: int) -> Array:
            return jnp.asarray(first, param.real.dtype) * eye(n)

        def eye(n: int) -> Array:
            return jnp.eye(n, dtype=param.dtype)

        return {"factors": self._sides(param, some), "roots": self._sides(param, eye)}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Any, Slots]:
        factors = slots["factors"]
        if factors is None:
            return None, slots
        share = shared["share"]
        g = in_blocks(g, self.lengths(g))
        factors = {
            side: lerp(factors[side], square, share)
            for side, square in squares(g, factors).items()
        }
        count, every = shared["count"], self.precondition_frequency
        roots = jax.lax.cond(
            is_refresh_step(count, every) | (count <= every),
            lambda: self._roots(factors, shared),
            lambda: slots["roots"],
        )
        return roots, {"factors": factors, "roots": roots}

    def _roots(self, factors: Sides, shared: Shared) -> Sides:
        p = self.exponent_override or 2 * len(factors)
        if self.decay is not None:
            return {
                side: inverse_root(x, p, self.eps, self.method)
                for side, x in factors.items()
            }
        # The root is that of the mean, because the sum could overflow.
        total = shared["total"]

        def of_sum(x: Array) -> Array:
            start = self.initial / total * jnp.eye(x.shape[-1], dtype=x.dtype)
            mean = inverse_root(x + start, p, self.eps, self.method)
            return power(total, -1 / p) * mean

        return {side: of_sum(x) for side, x in factors.items()}

    def lengths(self, x: Array) -> tuple[int, int]:
        """Return the lengths of the blocks of a matrix."""
        return block_lengths(x.shape, self.block_size, self.max_precond_dim)

    def _sides(self, x: Array, make: Any) -> Sides | None:
        """Return `make(length)` for sides longer than 1, and for "right" of 1×1."""
        if x.ndim < 2 or not x.size:
            return None
        whole = jax.ShapeDtypeStruct(x.shape, x.dtype)
        blocks = jax.eval_shape(lambda x: in_blocks(x, self.lengths(x)), whole)
        found = sides(blocks, self.max_precond_dim, make) or {}
        one = blocks.shape[-2:] == (1, 1)
        kept = {
            side: y
            for side, y in found.items()
            if (side == "right" if one else y.shape[-1] > 1)
        }
        return kept or None


@transform
def kronecker_roots(
    decay: Decay | None = 0.99,
    eps: NonNegative = 1e-6,
    precondition_frequency: PositiveInteger = 10,
    block_size: PositiveInteger = 1024,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    exponent_override: Root | None = None,
    root_method: RootMethod = "eigh",
    initial_accumulator_value: AtLeastZero = 0.0,
    stacked: Stacking | None = "loop",
) -> KroneckerRoots:
    """Emit the inverse roots of both Kronecker factors: matrices, not yet an update.

    L ← b·L + (1−b)·g·gᵀ,  R ← b·R + (1−b)·gᵀ·g, each over 1 − bᵗ, or sums
    u = (L + ε·‖L‖·I)^(−1/p) and the same of R

    `Preconditioned` applies them. Roots are refreshed in each of the first k steps,
    and then in each k-th. Each block of a matrix has its own factors. A side of length
    one has no factor, except in a 1×1 matrix.

    Args:
        decay: b in [0, 1); None for sums.
        eps: ε ≥ 0; see `inverse_root`.
        precondition_frequency: k ≥ 1, an integer.
        block_size: a longer side is split into the fewest blocks of equal length; the
            last is padded with zeros.
        max_precond_dim: a longer side has no factor, and is not split.
        exponent_override: p, an integer ≥ 2; if None, twice the number of factors: 4
            or 2.
        root_method: "eigh", by eigenvalues; or "newton", by matrix products alone.
        initial_accumulator_value: the first factors are this number, ≥ 0, times the
            identity. If it is above zero, averages are not divided by 1 − bᵗ.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is `factors` and `roots`, each with a tree `left` and
        `right` of square matrices for each block, at least float32, and `count`. If
        averages are divided by 1 − bᵗ, `weight` is this number. It emits the roots, or
        None for a leaf without factors.

    Reference:
        Gupta, Koren & Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization",
        2018, arXiv:1802.09568; Anil et al., "Scalable Second Order Optimization for
        Deep Learning", 2020, arXiv:2002.09018, for blocks.

    Example:
        >>> import jax.numpy as jnp
        >>> rule = kronecker_roots(eps=0.0).plan.pieces[0][1]
        >>> g = jnp.diag(jnp.array([4.0, 9.0]))
        >>> shared = rule.advance_all(rule.start(), {}, print)
        >>> roots, _ = rule.step(g, rule.slots(g), shared, None)
        >>> jnp.round(roots["left"] @ g @ roots["right"], 4).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return KroneckerRoots(
        decay,
        eps,
        precondition_frequency,
        block_size,
        max_precond_dim,
        exponent_override,
        root_method,
        initial_accumulator_value,
        stacked,
    )


class Preconditioned(Rule):
    """Join to L^(−1/p)·numerator·R^(−1/p); with `grafted`, it gets the ratio's norm.

    The ratio is numerator / (√moment + eps), or the numerator without a moment. Leaves
    without factors get the ratio itself.
    """

    eps: Hyper
    block_size: int
    max_precond_dim: int
    grafted: bool

    def __call__(
        self, numerator: Array, roots: Sides | None, moment: Array | None = None
    ) -> Array:
        plain = numerator
        if moment is not None:
            plain = RootRatio(self.eps, 0.0)(moment, numerator)
        if roots is None:
            return plain
        # Divided by its largest number, because roots of earlier, smaller gradients
        # times a large one could overflow.
        unit, _ = divisor(largest_of(numerator, (-2, -1)))
        x = numerator / unit
        lengths = block_lengths(x.shape, self.block_size, self.max_precond_dim)
        blocks = in_blocks(x, lengths)
        u = along(blocks, roots.get("left"), roots.get("right"))
        u = out_of_blocks(u, x.shape)
        if self.grafted:
            return _as_long_as(plain, u)
        return clipped(u, largest_squarable(u.dtype) / unit) * unit


def _as_long_as(other: Array, u: Array) -> Array:
    """Scale matrices `u` to the norms of `other`; 0 stays 0."""
    (unit, rest), (size, more) = norm_of(u, (-2, -1)), norm_of(other, (-2, -1))
    return u / divisor(unit)[0] / rest * more * size
