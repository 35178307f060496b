"""Eigenvectors and inverse roots of symmetric matrices, singular vectors of all."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.arguments import OneOf
from adamx.core.numerics import divisor, power
from adamx.core.types import Array, Scalar
from adamx.tree.norms import norm_of


def eigenvectors(a: Array) -> Array:
    """The eigenvectors of A = Aᴴ, as columns, those of the largest eigenvalue first.

    Their signs are such that small changes of A change them little. Where there is a
    NaN or ∞ in a matrix, they are NaN. Derivatives take them as given.
    """
    a, usable = _usable(jax.lax.stop_gradient(a))
    _, vectors = jnp.linalg.eigh(a)
    return jnp.where(usable, _signed(jnp.flip(vectors, -1)), jnp.nan)


def singular_vectors(a: Array) -> Array:
    """The right singular vectors of A, as columns, the largest singular value first.

    There are as many as the shorter side is long. They are not taken as eigenvectors
    of AᴴA, of which those below a root of the rounding errors are lost. A matrix that
    is not square becomes one first, by QR: that is three times as fast on a CPU. Signs,
    NaN, ∞ and derivatives are as those of `eigenvectors`.
    """
    a, usable = _usable(jax.lax.stop_gradient(a))
    # What is done with huge or tiny numbers is for each machine to say, too.
    top, _ = divisor(jnp.max(jnp.abs(a), (-2, -1), keepdims=True, initial=0))
    a = a / top
    if a.shape[-2] < a.shape[-1]:
        q, r = jnp.linalg.qr(a.mT.conj())
        vectors = q @ jnp.linalg.svd(r)[0]
    else:
        r = jnp.linalg.qr(a, mode="r")
        vectors = jnp.linalg.svd(r)[2].mT.conj()
    return jnp.where(usable, _signed(vectors), jnp.nan)


def turned_eigenvectors(a: Array, vectors: Array) -> tuple[Array, Array]:
    """A step of the power iteration from `vectors`, Q, towards eigenvectors of A = Aᴴ.

    Q ← QR(A·Q), with the columns of Q ordered by their estimated eigenvalues qᴴ·A·q,
    the largest first. Where A is zero they stay. Derivatives take them as given.

    Returns:
        The new Q, and the numbers of the old columns in their new order.
    """
    a, vectors = jax.lax.stop_gradient((a, vectors))
    a, usable = _usable(a)
    # The product of A as it is could overflow; its size is nothing to Q.
    top = jnp.max(jnp.abs(a), (-2, -1), keepdims=True, initial=0)
    towards = jnp.where(top > 0, a / jnp.where(top > 0, top, 1) @ vectors, vectors)
    size = jnp.sum((vectors.conj() * towards).real, -2)
    order = jnp.argsort(-size, axis=-1)
    q, r = jnp.linalg.qr(jnp.take_along_axis(towards, order[..., None, :], -1))
    q = q * _sign(jnp.diagonal(r, axis1=-2, axis2=-1))
    return jnp.where(usable, q, jnp.nan), order


def inverse_root(a: Array, p: int, eps: Scalar, method: str = "eigh") -> Array:
    """(A + ε·‖A‖·I)^(−1/p) of A = Aᴴ ≥ 0; the identity where A is zero.

    ‖A‖ is the root of the sum of squares, no less than the largest eigenvalue; ε counts
    as the rounding of a number near one at the least. No number of the root is above
    about ε^(−1/p) times the fourth root of the largest number of the dtype. Where there
    is a NaN or ∞ in a matrix, its root is NaN. Derivatives take it as given.

    Args:
        a: matrices, its last two axes.
        p: an integer ≥ 2.
        eps: ε ≥ 0.
        method: "eigh", by eigenvalues, or "newton", by products of matrices alone.
    """
    a, usable = _usable(jax.lax.stop_gradient(a))
    unit, rest = norm_of(a, (-2, -1))
    unit, some = divisor(unit)
    info = jnp.finfo(a.dtype)
    ridge = jnp.maximum(jax.lax.stop_gradient(eps), float(info.eps))
    root = METHODS[method](a / unit / rest, p, ridge)
    # The powers one after the other, as the norm itself could overflow.
    least = 2.0 ** (-p * (info.maxexp // 4 - 1))
    size = power(jnp.maximum(unit, least), -1 / p) * power(rest, -1 / p)
    found = jnp.where(some, size * root, jnp.eye(a.shape[-1], dtype=a.dtype))
    return jnp.where(usable, found, jnp.nan)


def _by_eigenvalues(a: Array, p: int, ridge: Array) -> Array:
    sizes, vectors = jnp.linalg.eigh(a)
    sizes = jnp.maximum(sizes, 0) + ridge
    return (vectors * power(sizes, -1 / p)[..., None, :]) @ vectors.mT.conj()


def _by_newton(a: Array, p: int, ridge: Array) -> Array:
    """The coupled iteration, of ‖A‖ = 1.

    X₀ = z^(1/p)·I,  M₀ = z·A,  z = (p + 1) / (2·‖A‖)
    T = ((p + 1)·I − M) / p,  X ← X·T,  M ← Tᵖ·M

    M goes to I, and X to the root. A small eigenvalue grows by (1 + 1/p)ᵖ in each step:
    20 steps take 1e-7 near to one, and then the number of right digits doubles.
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
        # Of far eigenvalues the error says little, but that none runs away. Of near
        # ones it falls until it is rounding; what is worse is then thrown away.
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
    # What 16 bits make of a product is no root of anything.
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


def _usable(a: Array) -> tuple[Array, Array]:
    """The matrices, the identity for those with a NaN or ∞ in them; and which are so.

    What LAPACK does with them is for each machine to say.
    """
    usable = jnp.all(jnp.isfinite(a), (-2, -1), keepdims=True)
    return jnp.where(usable, a, jnp.eye(*a.shape[-2:], dtype=a.dtype)), usable


def _signed(vectors: Array) -> Array:
    """The columns, with signs that small changes of them hardly ever change."""
    # A sum with weights of no pattern, which is hardly ever zero by symmetry.
    numbers = jnp.arange(vectors.shape[-2], dtype=vectors.real.dtype)
    return vectors * _sign(vectors.mT @ (jnp.sqrt(1 + numbers) % 1 + 1)).conj()


def _sign(x: Array) -> Array:
    """One number of length 1 for each column, that of x; 1 for zero."""
    size = jnp.abs(x)
    sign = jnp.where(size > 0, x / jnp.where(size > 0, size, 1), 1)
    return sign[..., None, :]
