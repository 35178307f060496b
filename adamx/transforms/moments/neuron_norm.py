"""A second moment for each neuron, a column of a matrix."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.arithmetic import divisor, faded, safe_divide
from adamx.numerics.norms import norm_of, root_of_squares
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class NormalizeNeurons(Rule):
    locality = "leaf"

    decay: Hyper
    eps: Hyper

    def degree(self) -> int:
        return 1

    def slots(self, param: Array) -> Slots:
        # Like the norm, because its type has the sharding on explicit meshes.
        return {"norm": jnp.zeros_like(_of_inputs(param))}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        norm, now = slots["norm"], _of_inputs(g)
        norm = root_of_squares(self.decay, norm, 1 - self.decay, now)
        # ε is relative to the largest column, so that a column of rounding errors stays
        # small, however small the matrix is.
        size = jnp.max(norm, _matrix(norm), keepdims=True, initial=0)
        below, _ = divisor(norm + faded(self.eps, size, jnp.ones_like(size)))
        u = safe_divide(g, below)
        before, after = norm_of(g, _matrix(g)), norm_of(u, _matrix(u))
        some = after[0] > 0
        u = u / jnp.where(some, after[0], 1) / after[1]
        return u * before[1] * before[0], {"norm": norm}


def _of_inputs(x: Array) -> Array:
    """Return the root mean square over the rows of each column; a vector is one row."""
    rows = x.shape[-2] if x.ndim > 1 else 1
    unit, rest = norm_of(x, (-2,) if x.ndim > 1 else ())
    return unit * (rest / max(rows, 1) ** 0.5)


def _matrix(x: Array) -> tuple[int, ...]:
    return tuple(range(-min(x.ndim, 2), 0))


@transform
def normalize_neurons(
    decay: Decay = 0.95, eps: NonNegative = 1e-10
) -> NormalizeNeurons:
    """Divide each column of a matrix by the root of its second moment; keep the norm.

    ν ← b·ν + (1−b)·(mean of |g|² over each column)
    v = g / (√ν + ε),  u = v · ‖g‖ / ‖v‖

    `normuon` applies it after Muon. A column contains the weights of one neuron, as in
    kernels of JAX, (in, out). Matrices are the last two axes of a leaf, after batch
    axes; a vector is one row. ‖g‖ and ‖v‖ are norms of a matrix. Because u has the norm
    of g, no bias correction is needed.

    Args:
        decay: b in [0, 1).
        eps: ε ≥ 0. It fades where the largest √ν of a matrix is below min(1, 10⁴·ε).

    Returns:
        A transform that keeps `norm`, √ν, one number for each column, with size 1 along
        the axis of the mean.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.normalize_neurons()
        >>> g = jnp.array([[3.0, 0.1], [-4.0, 0.1]])
        >>> u, _ = tx.update(g, tx.init(g))
        >>> [round(float(x), 2) for x in jnp.linalg.norm(u, axis=0)]
        [3.54, 3.54]
    """
    return NormalizeNeurons(decay, eps)
