"""Apply another transform to the rows or columns of largest accumulated gradient."""

import math

import jax
import jax.numpy as jnp

from adamx.core.rule_wrapper import rule_inside
from adamx.core.transform import TransformLike, transform
from adamx.execution.sharding import match_sharding
from adamx.hyperparameters.arguments import Fraction, Stacking, refused
from adamx.hyperparameters.hyper import Decay
from adamx.transforms.matrices.matrix_wrapper import MatrixWrapper
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class InSubmatrix(MatrixWrapper):
    fraction: float
    decay: Hyper

    def degree(self) -> int | None:
        return self.inner.degree()

    def slots(self, param: Array) -> Slots:
        return {"trace": jnp.zeros_like(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        trace = slots["trace"] + g
        if not g.size:
            return g, {"trace": trace}
        x = trace if g.ndim > 1 else trace.reshape(1, -1)
        wide = x.shape[-2] < x.shape[-1]
        x = x if wide else x.mT
        number = max(1, math.ceil(self.fraction * x.shape[-2]))
        at = _largest(x, number)
        seen = jnp.take_along_axis(x, at[..., None], -2)
        u, _ = self.inner.step(seen if wide else seen.mT, {}, shared, None)
        whole = _put(jnp.zeros_like(x), at, u if wide else u.mT)
        left = _put(x, at, self.decay * seen)
        whole, left = (y if wide else y.mT for y in (whole, left))
        left = match_sharding(left.reshape(g.shape), trace)
        return match_sharding(whole.reshape(g.shape), g), {"trace": left}


def _largest(x: Array, number: int) -> Array:
    """Return the indices of the rows of the largest absolute sums, NaN and ∞ first."""
    # Means instead of sums, because sums that overflow could not be compared.
    size = jax.lax.stop_gradient(jnp.abs(x)) * (1 / x.shape[-1])
    sums = jnp.sum(size, -1)
    return jax.lax.top_k(jnp.where(jnp.isnan(sums), jnp.inf, sums), number)[1]


def _put(x: Array, at: Array, rows: Array) -> Array:
    """Replace the rows of matrices at the indices `at`."""

    def put(x: Array, at: Array, rows: Array) -> Array:
        return x.at[at].set(rows, unique_indices=True)

    for _ in range(x.ndim - 2):
        put = jax.vmap(put)
    return put(x, at, rows)


@transform
def in_submatrix(
    direction: TransformLike,
    fraction: Fraction = 0.25,
    decay: Decay = 0.95,
    *,
    stacked: Stacking | None = "loop",
) -> InSubmatrix:
    """Apply `direction` to the rows of a matrix with the largest accumulated gradient.

    M ← M + g
    S = the α·m rows, rounded up, with the largest sums of absolute values
    u = direction(M_S) in the rows S, and 0 in the others
    M_S ← b·M_S

    M is the error feedback: rows that are not in S accumulate in it until they are
    selected. In a tall or square matrix columns are selected instead of rows. Kernels
    are (in, out) in JAX, so the columns of a square kernel are its outputs. Matrices
    are the last two axes of a leaf, after batch axes; a vector is one row. For other
    views see `as_matrices`. `dion2` orthogonalizes M_S.

    See `orthogonalize` for the other arguments.

    Args:
        direction: a transform of single arrays, such as `orthogonalize`, without
            slots, because it gets other rows in each step.
        fraction: α in (0, 1], a Python number.
        decay: b in [0, 1).

    Returns:
        A transform that keeps `trace`, M.

    Raises:
        TransformError: `direction` needs more than single arrays, or keeps a state.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.in_submatrix(adamx.scale_by_sign(), 0.5, 0.75)
        >>> g = jnp.array([[3.0, -4.0, 0.0], [0.0, 0.0, 5.0]])
        >>> updates, state = tx.update(g, tx.init(g))
        >>> updates.tolist()
        [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]
        >>> state["in_submatrix"]["trace"].tolist()
        [[2.25, -3.0, 0.0], [0.0, 0.0, 5.0]]
    """
    name = "in_submatrix"
    rule = rule_inside(name, direction, same_shape=False)
    if rule.slots(jnp.zeros((1, 1))):
        raise refused(
            name,
            "direction must not keep arrays",
            "what looks at one gradient alone, such as orthogonalize",
            repr(direction),
            "it would see other rows in each step",
        )
    return InSubmatrix(rule, stacked, fraction, decay)
