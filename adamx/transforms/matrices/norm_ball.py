"""The farthest point of a unit ball along the gradient, without matrix products."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeAlias

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import divisors
from adamx.numerics.norms import norm_of
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult

Direction: TypeAlias = Callable[[Array, Scalar, bool], Array]
"""A function of matrices (…, in, out), ε and `normalized`, to the emitted matrices."""


def _over(g: Array, axes: tuple[int, ...], times: float, eps: Scalar) -> Array:
    """Return g / (times·‖g‖ + ε) with the 2-norm along `axes`; 0 if the norm is 0."""
    unit, below, _ = divisors(norm_of(g, axes), eps, times)
    return g / unit / below


def _sign(g: Array, eps: Scalar, normalized: bool) -> Array:
    return jnp.sign(g) / g.shape[-2] if normalized else jnp.sign(g)


def _columns_in(g: Array, eps: Scalar, normalized: bool) -> Array:
    rows, cols = g.shape[-2:]
    return _over(g, (-1,), cols**-0.5 * (rows if normalized else 1), eps)


def _rows_out(g: Array, eps: Scalar, normalized: bool) -> Array:
    return _over(g, (-2,), g.shape[-2] ** 0.5 if normalized else 1.0, eps)


def _rms(g: Array, eps: Scalar, normalized: bool) -> Array:
    return _over(g, (-2, -1), (g.shape[-2] * g.shape[-1]) ** -0.5, eps)


def _leaf(g: Array, eps: Scalar, normalized: bool) -> Array:
    return _over(g, tuple(range(g.ndim)), 1.0, eps)


NORM_BALLS: Mapping[str, Direction] = {
    "sign": _sign,
    "colnorm": _columns_in,
    "rownorm": _rows_out,
    "rms": _rms,
    "leaf": _leaf,
}

Ball: TypeAlias = Annotated[
    Literal["sign", "colnorm", "rownorm", "rms", "leaf"], OneOf(tuple(NORM_BALLS))
]


class NormBall(Rule):
    locality = "leaf"

    norm: str
    normalized: bool
    eps: Hyper

    def degree(self) -> int:
        return 0

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if not g.size:
            return g, slots
        x = g if g.ndim > 1 else g.reshape(1, -1)
        u = NORM_BALLS[self.norm](x, self.eps, self.normalized)
        return u.reshape(g.shape), slots


@transform
def scale_by_norm_ball(
    norm: Ball = "sign", *, normalized: bool = True, eps: NonNegative = 1e-8
) -> NormBall:
    """Emit the point of a unit ball that is farthest along the gradient.

    u = argmax ⟨g, x⟩ over ‖x‖ ≤ 1: a linear minimization oracle, without the minus

        sign       sign(g) / in
        colnorm    √out · g / (in·‖g‖ + ε), with the norm of the weights of one input
        rownorm    g / (√in·‖g‖ + ε), with the norm of the weights of one neuron
        rms        g / (‖g‖/√n + ε), with the norm of a matrix of n numbers, or a bias
        leaf       g / (‖g‖ + ε), with the norm of a leaf of any number of axes

    A matrix is (in, out), as in kernels of JAX: the weights of one input are a row, and
    those of one neuron a column. The names are the paper's, for (out, in) of PyTorch.
    Matrices are the last two axes; a vector is one row. For the spectral norm use
    `orthogonalize` with `scale_by_shape(scale="spectral")`.

    Args:
        norm: one of the names above.
        normalized: False replaces in and √in by 1, for one-hot inputs, as those of
            embeddings.
        eps: ε ≥ 0. It fades where the norm is below min(1, 10⁴·ε).

    Reference:
        Pethick et al., "Training Deep Learning Models with Norm-Constrained LMOs",
        2025, arXiv:2502.07529, table 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_norm_ball("sign")
        >>> tx.update(jnp.array([[3.0], [-4.0]]), {})[0].tolist()
        [[0.5], [-0.5]]
    """
    return NormBall(norm, normalized, eps)
