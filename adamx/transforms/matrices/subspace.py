"""Subspace: another transform, on few singular directions of each matrix."""

from typing import Annotated, Literal, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.rule import iter_rules
from adamx.core.rule_wrapper import rule_inside
from adamx.core.transform import TransformLike, transform
from adamx.execution.sharding import match_sharding
from adamx.hyperparameters.arguments import OneOf, PositiveInteger, Stacking, refused
from adamx.hyperparameters.hyper import Finite
from adamx.linalg.eigen import singular_vectors
from adamx.linalg.kronecker import (
    AXES,
    Sides,
    into,
    out_of,
    squarable_matrix,
    without_rounding,
)
from adamx.numerics.averages import is_refresh_step
from adamx.transforms.matrices.matrix_wrapper import MatrixWrapper
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult

Projection: TypeAlias = Annotated[
    Literal["std", "reverse_std", "left", "right", "full"],
    OneOf(("std", "reverse_std", "left", "right", "full")),
]


class InSubspace(MatrixWrapper):
    counts = True
    refreshes = True

    rank: int
    update_proj_gap: int
    scale: Rate
    proj_type: str

    def slots(self, param: Array) -> Slots:
        sides = self._sides(param)
        if not sides:
            return {"projector": None, **self.inner.slots(param)}
        rank, shape = self._rank(param), list(param.shape)
        for side in sides:
            shape[AXES[side]] = rank
        lengths = {side: param.shape[AXES[side]] for side in sides}
        projector = {
            side: jnp.zeros((*param.shape[:-2], n, rank), param.dtype)
            for side, n in lengths.items()
        }
        # What a rule keeps may begin as the parameters; there they have no part.
        inner = self.inner.slots(jnp.zeros(shape, param.dtype))
        return {"projector": projector, **inner}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        projector = slots["projector"]
        if projector is None:
            u, new = self.inner.step(g, slots, shared, None)
            u = u * self.scale if g.ndim > 1 else u
            return u, {"projector": None, **new}
        g = squarable_matrix(g)
        again = self._due(g, projector, shared["count"])
        projector = jax.lax.cond(
            jnp.any(again), _renewed, lambda _, __, same: same, g, again, projector
        )
        seen = without_rounding(into(projector, g), g)
        u, new = self.inner.step(seen, slots, shared, None)
        u = match_sharding(self.scale * out_of(projector, u), g)
        return u, {"projector": projector, **new}

    def _rank(self, x: Array) -> int:
        return min(self.rank, *x.shape[-2:])

    def _sides(self, x: Array) -> tuple[str, ...]:
        """Return the sides that get shorter."""
        if x.ndim < 2 or not x.size:
            return ()
        rows, cols = x.shape[-2:]
        tall = rows >= cols
        each = {
            "std": ("right",) if tall else ("left",),
            "reverse_std": ("left",) if tall else ("right",),
            "full": ("left", "right"),
        }
        sides = each.get(self.proj_type, (self.proj_type,))
        return tuple(s for s in sides if self._rank(x) < x.shape[AXES[s]])

    def _due(self, g: Array, projector: Sides, count: Array) -> Array:
        """Return which matrices get new directions.

        A gradient of zeros has none. So the first are those of the first gradient that
        is not, which for some layers is not that of the first step.
        """
        (one, *_) = projector.values()
        first = jnp.all(one == 0, (-2, -1), keepdims=True)
        some = jnp.any(g != 0, (-2, -1), keepdims=True)
        return some & (first | is_refresh_step(count, self.update_proj_gap))


def _renewed(g: Array, again: Array, projector: Sides) -> Sides:
    def new(side: str, before: Array) -> Array:
        vectors = singular_vectors(g.mT.conj() if side == "left" else g)
        return jnp.where(again, vectors[..., : before.shape[-1]], before)

    return {side: new(side, before) for side, before in projector.items()}


@transform
def in_subspace(
    inner: TransformLike,
    rank: PositiveInteger = 128,
    update_proj_gap: PositiveInteger = 200,
    scale: Finite = 1.0,
    *,
    proj_type: Projection = "std",
    stacked: Stacking | None = "loop",
) -> InSubspace:
    """Apply `inner` to the part of each matrix in a few singular directions.

    u = s·P·inner(Pᵀ·g), with P the first r left singular vectors of g
    each k-th step:  P ← the first r left singular vectors of g

    That is for a wide matrix. Of a tall or square one the right side gets shorter:
    u = s·inner(g·P)·Pᵀ. The state of `inner` has the size of its input, and stays as it
    is when P changes. A side not longer than r stays whole.

    Matrices are the last two axes of a leaf, other axes count them; vectors are passed
    on as they are, and not scaled. For other views see `as_matrices`. Numbers below the
    rounding errors of the products count as zero; `inner` would otherwise treat them as
    small gradients. A gradient of zeros leaves P unchanged; the first P is that of the
    first gradient that is not zero. `galore` is Adam in such a subspace.

    Args:
        inner: a transform of single arrays, such as `scale_by_adam`, that reads neither
            parameters nor other trees.
        rank: r ≥ 1, an integer.
        update_proj_gap: k ≥ 1, an integer.
        scale: s, a factor of the updates of matrices.
        proj_type: which side gets shorter: "std", the shorter one; "reverse_std", the
            longer one; "left", the rows; "right", the columns; or "full", both.
        stacked: how matrices of equal shape and dtype are stacked to share a program:
            "loop", one after the other, in place; "vmap", all at once, which computes a
            new P in every step and discards most of them; or None.

    Returns:
        A transform that keeps `projector`, P, with a tree `left` or `right` or both,
        and the state of `inner`, of the size of Pᵀ·g.

    Raises:
        TransformError: `inner` needs more than single gradients.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.in_subspace(adamx.identity(), rank=1)
        >>> g = jnp.diag(jnp.array([3.0, 4.0]))
        >>> jnp.round(tx.update(g, tx.init(g))[0], 4).tolist()
        [[0.0, 0.0], [0.0, 4.0]]
    """
    name = "in_subspace"
    rule = rule_inside(name, inner, same_shape=False)
    for _, part in iter_rules(name, rule):
        if part.needs_params or part.needs_trees:
            raise refused(
                name,
                "inner must not look at parameters, or other trees like them",
                "what needs gradients alone, such as scale_by_adam",
                repr(inner),
                "put it behind, as add_decayed_weights, where it sees whole matrices",
            )
    return InSubspace(rule, stacked, rank, update_proj_gap, scale, proj_type)
