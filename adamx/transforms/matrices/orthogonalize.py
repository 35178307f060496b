"""Orthogonalization: all singular values of a matrix are moved towards 1."""

from typing import Annotated, Any, Literal, TypeAlias

from adamx.core.rule import Rule, Stacked
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf, PositiveInteger, Stacking
from adamx.hyperparameters.hyper import NonNegative
from adamx.linalg.newton_schulz import (
    NewtonSchulz,
    NSCoeffs,
    newton_schulz,
    orthogonalized,
)
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult

Dtype: TypeAlias = Annotated[
    Literal["bfloat16", "float16", "float32", "float64"],
    OneOf(("bfloat16", "float16", "float32", "float64")),
]


class Orthogonalize(Rule):
    locality = "leaf"

    method: NewtonSchulz
    steps: int
    eps: Hyper
    dtype: str | None
    stacked: Stacked

    def degree(self) -> int:
        return 0

    def stacks(self) -> Stacked:
        return self.stacked

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        x = g if g.ndim > 1 else g.reshape(1, -1)
        u = orthogonalized(x, self.method, self.steps, self.eps, self.dtype)
        return u.reshape(g.shape), slots


@transform
def orthogonalize(
    ns_coeffs: NSCoeffs = "standard",
    ns_steps: PositiveInteger = 5,
    eps: NonNegative = 1e-8,
    *,
    dtype: Dtype | None = None,
    stacked: Stacking | None = "loop",
) -> Orthogonalize:
    """Emit U·Vᴴ of each matrix U·Σ·Vᴴ, approximated by steps of Newton–Schulz.

    X = g / (‖g‖ + ε), then X ← a·X + (b·XXᴴ + c·(XXᴴ)²)·X

    Matrices are the last two axes of a leaf, after batch axes; a vector is one row. For
    other views see `as_matrices`. Singular values of at least ‖g‖/100 become

        0.68 to 1.14    after five steps of "standard"
        0.97 to 1.04    after five steps of "dion"
        0.87 to 1.13    after five steps of "polar_express" or "you"
        0.85 to 1.15    after five steps of "dion2"
        0.99 to 1.01    after six steps of "polar_express" or "you"

    The smallest singular values, and rounding errors, are multiplied by the product of
    all a: by 485 in five steps of "standard".

    Args:
        ns_coeffs: a name in `NEWTON_SCHULZ`: "standard" (Jordan's), "dion", "you",
            "polar_express", "dion2", "newton", "taylor"; or (a, b, c); or a tuple of
            triples, one for each step; later steps use the last.
        ns_steps: the number of steps, an integer ≥ 1.
        eps: ε ≥ 0. It fades where the norm is below min(1, 10⁴·ε), so that a tiny g is
            orthogonalized too.
        dtype: the dtype of the products, as "bfloat16"; None for that of the state, at
            least float32.
        stacked: how matrices of equal shape and dtype are stacked to share a program:
            "loop", one after the other, in place; "vmap", all at once; or None.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.orthogonalize("newton", 20)
        >>> g = jnp.array([[3.0, 0.0], [0.0, -0.5]])
        >>> jnp.round(tx.update(g, tx.init(g))[0], 4).tolist()
        [[1.0, 0.0], [0.0, -1.0]]
    """
    method: Any = newton_schulz(ns_coeffs)
    return Orthogonalize(method, ns_steps, eps, dtype, stacked)
