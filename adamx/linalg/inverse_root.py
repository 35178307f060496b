"""Inverse roots of symmetric matrices."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from adamx.hyperparameters.arguments import OneOf
from adamx.linalg.eigen import finite_or_identity
from adamx.numerics.arithmetic import divisor, power
from adamx.numerics.norms import norm_of
from adamx.types import Array, Scalar


def inverse_root(a: Array, p: int, eps: Scalar, method: str = "eigh") -> Array:
    """Return (A + ε·‖A‖·I)^(−1/p) of A = Aᴴ ≥ 0; the identity if A is zero.

    ‖A‖ is the Frobenius norm, an upper bound of the largest eigenvalue. ε is at least
    the machine epsilon of the dtype. All numbers of the root are below about ε^(−1/p)
    times the fourth root of the largest number of the dtype. If a matrix contains a NaN
    or ∞, its root is NaN. The derivative is zero.

    Args:
        a: an array whose last two axes are matrices.
        p: an integer ≥ 2.
        eps: ε ≥ 0.
        method: "eigh", by eigenvalues, or "newton", by matrix products alone.
    """
    a, usable = finite_or_identity(jax.lax.stop_gradient(a))
    unit, rest = norm_of(a, (-2, -1))
    unit, some = divisor(unit)
    info = jnp.finfo(a.dtype)
    ridge = jnp.maximum(jax.lax.stop_gradient(eps), float(info.eps))
    root = METHODS[method](a / unit / rest, p, ridge)
    # Two powers, because the norm, the product of both factors, could overflow.
    least = 2.0 ** (-p * (info.maxexp // 4 - 1))
    size = power(jnp.maximum(unit, least), -1 / p) * power(rest, -1 / p)
    found = jnp.where(some, size * root, jnp.eye(a.shape[-1], dtype=a.dtype))
    return jnp.where(usable, found, jnp.nan)


def _by_eigenvalues(a: Array, p: int, ridge: Array) -> Array:
    sizes, vectors = jnp.linalg.eigh(a)
    sizes = jnp.maximum(sizes, 0) + ridge
    return (vectors * power(sizes, -1 / p)[..., None, :]) @ vectors.mT.conj()


def _by_newton(a: Array, p: int, ridge: Array) -> Array:
    """Return A^(−1/p) by the coupled Newton iteration, for ‖A‖ = 1.

    X₀ = z^(1/p)·I,  M₀ = z·A,  z = (p + 1) / (2·‖A‖)
    T = ((p + 1)·I − M) / p,  X ← X·T,  M ← Tᵖ·M

    M converges to I, and X to the root. A small eigenvalue grows by (1 + 1/p)ᵖ in each
    step: from 1e-7 to about 1 in 20 steps. After that each step doubles the number of
    correct digits.
    """
    eye = jnp.eye(a.shape[-1], dtype=a.dtype)
    a = a + ridge * eye
    unit, rest = norm_of(a, (-2, -1))
    z = (p + 1) / 2 / (unit * rest)

    def away(m: Array) -> Array:
        return jnp.max(jnp.abs(m - eye), (-2, -1), keepdims=True)

    def step(carry: Any) -> Any:
        i, x, m, error, going = carry
        t = ((p + 1) * eye - m) / p
        new_x, new_m = x @ t, jnp.linalg.matrix_power(t, p) @ m
        new_error = away(new_m)
        # Far from the root the error may grow, so only a step that diverges is
        # discarded. Near the root it falls until it is a rounding error; after that a
        # step with a larger error is discarded.
        near = error < 0.1
        better = going & (new_error < jnp.where(near, error, (p + 1) / 2))
        ends = near & (new_error >= error / 2)
        new = new_x, new_m, new_error
        kept = [
            jnp.where(better, n, o) for n, o in zip(new, (x, m, error), strict=True)
        ]
        return i + 1, *kept, better & ~ends

    def going_on(carry: Any) -> Array:
        return (carry[0] < NEWTON_STEPS) & jnp.any(carry[-1])

    x, m = power(z, 1 / p) * eye, z * a
    error = away(m)
    # because bfloat16 matmuls, the default on TPUs, are too inaccurate to converge
    with jax.default_matmul_precision("highest"):
        first = jnp.zeros((), jnp.int32), x, m, error, error >= 0
        x = jax.lax.while_loop(going_on, step, first)[1]
    return (x + x.mT.conj()) / 2


NEWTON_STEPS = 100


METHODS: Mapping[str, Callable[[Array, int, Array], Array]] = {
    "eigh": _by_eigenvalues,
    "newton": _by_newton,
}


RootMethod: TypeAlias = Annotated[Literal["eigh", "newton"], OneOf(tuple(METHODS))]
