"""Apply another transform in a subspace of a few singular directions of each matrix."""

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
        # Zeros, because a slot that starts as the parameters has no equivalent here.
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
        """Return the sides that the projection shortens."""
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
        """Return a mask of the matrices that get new directions in this step."""
        # A zero gradient has no directions, so the first ones are computed at the first
        # nonzero gradient, which for some layers comes after the first step.
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
    """Apply `inner` to each matrix projected onto a few singular directions.

    u = s·P·inner(Pᵀ·g), with P the first r left singular vectors of g
    each k-th step:  P ← the first r left singular vectors of g

    This is the projection of a wide matrix. A tall or square matrix is projected from
    the right: u = s·inner(g·P)·Pᵀ. A side of at most r is not projected. The state of
    `inner` has the size of the projection, and is unchanged when P changes.

    Matrices are the last two axes of a leaf, after batch axes; vectors go through
    `inner` without projection and without s. For other views see `as_matrices`. Numbers
    as small as the rounding errors of the products count as zero, because `inner` would
    treat them as small gradients. A zero gradient leaves P unchanged; the first P is
    computed at the first nonzero gradient. `galore` is Adam in this subspace.

    Args:
        inner: a transform of single arrays, such as `scale_by_adam`, that reads neither
            parameters nor other trees.
        rank: r ≥ 1, an integer.
        update_proj_gap: k ≥ 1, an integer.
        scale: s, a factor of the updates of matrices.
        proj_type: the side that is projected: "std", the shorter one; "reverse_std",
            the longer one; "left", the rows; "right", the columns; or "full", both.
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
