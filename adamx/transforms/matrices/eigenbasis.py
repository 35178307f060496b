"""Eigenbasis: another transform, in a basis where gradients hang together least."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.rule_wrapper import Around, rule_inside
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
from adamx.numerics.averages import due, moving_average
from adamx.types import Array, Hyper, Shared, Slots

TURNED = ("mu", "trace")
"""Averages of gradients, by their names: they turn with the basis."""


class InEigenbasis(Around):
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
        return {**kept, "inner": self.inner.slots(param)}

    def kept(self, shared: Shared, before: Shared, after: Shared) -> Shared:
        return self._unless_first(shared, before, after)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        factors, basis = slots["factors"], slots["basis"]
        inner, view = slots.get("inner", {}), shared["inner"]
        if basis is None:
            u, new = self.inner.step(g, inner, view, param)
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
            u, new = self.inner.step(seen, inner, view, owner)
            u = out_of(basis, u)
        u = self._unless_first(shared, 0 * g, u)
        new = self._unless_first(shared, inner, new)
        if basis is not None:
            again = (shared["count"] > 1) & due(
                shared["count"], self.precondition_frequency
            )
            basis, new = jax.lax.cond(
                again, _turned, lambda _, *same: same, factors, basis, new
            )
        return u, {"factors": factors, "basis": basis, "inner": new}

    def _unless_first(self, shared: Shared, first: Any, later: Any) -> Any:
        if not self.skip_first:
            return later
        is_first = shared["count"] == 1
        return jax.tree.map(lambda a, b: jnp.where(is_first, a, b), first, later)


def _turned(factors: Sides, basis: Sides, slots: Any) -> tuple[Sides, Any]:
    """The next basis, and what is kept in the basis before, in that one."""
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
    """Let `inner` see each matrix in the eigenbasis of its Kronecker factors.

    u = Q_L·inner(Q_Lᵀ·g·Q_R)·Q_Rᵀ
    L ← b·L + (1−b)·g·gᵀ,  R ← b·R + (1−b)·gᵀ·g
    each k-th step:  Q_L ← QR(L·Q_L),  Q_R ← QR(R·Q_R)

    At first Q_L and Q_R are the eigenvectors of L and R. Then it is one step of the
    power iteration that lets them follow, with columns in the order of qᵀ·L·q. What
    `inner` keeps goes with them: averages of gradients, by the names `mu` and `trace`,
    turn with the basis; all else, such as averages of squares, is put in its order.

    Matrices are the last two axes of a leaf, others count them; vectors are seen as
    they are. For other views see `as_matrices`. Numbers below the rounding errors of
    the products count as zero, or `inner` would take them for small gradients.

    Args:
        inner: a transform of single arrays, such as `scale_by_adam`.
        decay: b in [0, 1), a number, traced scalar or schedule.
        precondition_frequency: k ≥ 1, an integer.
        max_precond_dim: a side that is longer keeps its own basis.
        skip_first: whether the first gradients make the first basis alone, and no
            update: no gradient is then seen in a basis that is made of itself.
        stacked: how matrices of equal shape and dtype are stacked to share a program:
            "loop", one after the other, in place; "vmap", all at once, and with a new
            basis in every step, of which most are thrown away; or None.

    Returns:
        The transform; its state is the `count` of steps, `factors` and `basis`, each
        with a tree `left` and `right` of square matrices, at least float32, and
        `inner`, like the parameters, but in the basis.

    Raises:
        TransformError: `inner` needs more than single arrays, or an argument is outside
            its interval.

    Reference:
        Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024,
        arXiv:2409.11321.

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
