"""Apply another transform in the eigenbasis of the gradients' Kronecker factors."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.rule import OverLeaves
from adamx.core.rule_wrapper import rule_inside
from adamx.core.transform import TransformLike, transform
from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    PositiveInteger,
    Stacking,
)
from adamx.hyperparameters.hyper import Decay
from adamx.linalg.eigen import eigenvectors, turned_eigenvectors
from adamx.linalg.kronecker import (
    AXES,
    Sides,
    into,
    out_of,
    sides,
    squarable_matrix,
    squares,
    without_rounding,
)
from adamx.numerics.averages import is_refresh_step, moving_average
from adamx.transforms.matrices.matrix_wrapper import MatrixWrapper
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult

TURNED = ("mu", "trace")
"""The slots that are averages of gradients, which are rotated with the basis."""


class InEigenbasis(MatrixWrapper):
    counts = True
    refreshes = True

    decay: Hyper
    precondition_frequency: int
    max_precond_dim: int
    skip_first: bool

    def slots(self, param: Array) -> Slots:
        def zeros(n: int) -> Array:
            return jnp.zeros((n, n), param.dtype)

        def eye(n: int) -> Array:
            return jnp.eye(n, dtype=param.dtype)

        factors = sides(param, self.max_precond_dim, zeros)
        basis = sides(param, self.max_precond_dim, eye)
        kept = {"factors": factors, "basis": basis}
        return {**kept, **self.inner.slots(param)}

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        if self.skip_first:
            # The inner rules start in the second step.
            begun, first = self.inner.start(), shared["count"] <= 1
            inner = {name: shared[name] for name in begun}
            inner = jax.tree.map(lambda a, b: jnp.where(first, a, b), begun, inner)
            shared = {**shared, **inner}
        return super().advance_all(shared, extra, over_leaves)

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        factors, basis, inner = slots["factors"], slots["basis"], dict(slots)
        del inner["factors"], inner["basis"]
        if basis is None:
            u, new = self.inner.step(g, inner, shared, param)
        else:
            g = squarable_matrix(g)
            factors = {
                side: moving_average(factors[side], square, self.decay)
                for side, square in squares(g, factors).items()
            }
            basis = jax.lax.cond(
                shared["count"] == 1,
                lambda: {side: eigenvectors(x) for side, x in factors.items()},
                lambda: basis,
            )
            seen = without_rounding(into(basis, g))
            owner = None if param is None else into(basis, param)
            u, new = self.inner.step(seen, inner, shared, owner)
            u = out_of(basis, u)
        u = self._unless_first(shared, 0 * g, u)
        new = self._unless_first(shared, inner, new)
        if basis is not None:
            again = (shared["count"] > 1) & is_refresh_step(
                shared["count"], self.precondition_frequency
            )
            basis, new = jax.lax.cond(
                again, _turned, lambda _, *same: same, factors, basis, new
            )
        return u, {"factors": factors, "basis": basis, **new}

    def _unless_first(self, shared: Shared, first: Any, later: Any) -> Any:
        if not self.skip_first:
            return later
        is_first = shared["count"] == 1
        return jax.tree.map(lambda a, b: jnp.where(is_first, a, b), first, later)


def _turned(factors: Sides, basis: Sides, slots: Any) -> tuple[Sides, Any]:
    """Return the next basis, and the slots transformed from the old basis into it."""
    each = {side: turned_eigenvectors(factors[side], q) for side, q in basis.items()}
    new = {side: q for side, (q, _) in each.items()}
    shape = {side: q.shape[-1] for side, q in basis.items()}

    def turned(path: Any, x: Array) -> Array:
        if path[-1].key in TURNED:
            return without_rounding(into(new, out_of(basis, x)))
        for side, (_, order) in each.items():
            axis = AXES[side]
            if x.ndim > 1 and x.shape[axis] == shape[side]:
                index = jnp.expand_dims(order, -1 if axis == -2 else -2)
                x = jnp.take_along_axis(x, index, axis)
        return x

    return new, jax.tree_util.tree_map_with_path(turned, slots)


@transform
def in_eigenbasis(
    inner: TransformLike,
    decay: Decay = 0.95,
    precondition_frequency: PositiveInteger = 10,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    skip_first: bool = True,
    stacked: Stacking | None = "loop",
) -> InEigenbasis:
    """Apply `inner` to each matrix in the eigenbasis of its Kronecker factors.

    u = Q_L·inner(Q_Lᵀ·g·Q_R)·Q_Rᵀ
    L ← b·L + (1−b)·g·gᵀ,  R ← b·R + (1−b)·gᵀ·g
    each k-th step:  Q_L ← QR(L·Q_L),  Q_R ← QR(R·Q_R)

    The first Q_L and Q_R are the eigenvectors of L and R. They are refreshed by one
    step of the power iteration, with columns sorted by qᵀ·L·q. The slots of `inner`
    are transformed too: averages of gradients, named `mu` and `trace`, are rotated into
    the new basis; all others, such as averages of squares, are reordered.

    Matrices are the last two axes of a leaf, after batch axes; vectors go through
    `inner` without rotation. For other views see `as_matrices`. Numbers as small as the
    rounding errors of the products count as zero, because `inner` would treat them as
    small gradients. `soap` is Adam in this basis.

    Args:
        inner: a transform of single arrays, such as `scale_by_adam`.
        decay: b in [0, 1).
        precondition_frequency: k ≥ 1, an integer.
        max_precond_dim: a longer side is not rotated.
        skip_first: whether the first step computes the first basis and emits zeros, so
            that no gradient is rotated into its own eigenbasis.
        stacked: how matrices of equal shape and dtype are stacked to share a program:
            "loop", one after the other, in place; "vmap", all at once, which computes a
            new basis in every step and discards most of them; or None.

    Returns:
        A transform that keeps `factors` and `basis`, each with a tree `left` and
        `right` of square matrices, and the state of `inner`, in the basis.

    Raises:
        TransformError: `inner` needs more than single arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.in_eigenbasis(adamx.sign_sgd(1.0), skip_first=False)
        >>> g = jnp.outer(jnp.array([3.0, 4.0]), jnp.array([0.0, 10.0]))
        >>> updates, _ = tx.update(g, tx.init(g))
        >>> bool(jnp.allclose(updates, jnp.array([[0.0, -0.6], [0.0, -0.8]])))
        True
    """
    return InEigenbasis(
        rule_inside("in_eigenbasis", inner),
        stacked,
        decay,
        precondition_frequency,
        max_precond_dim,
        skip_first,
    )
