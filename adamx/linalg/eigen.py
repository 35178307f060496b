"""Eigenvectors of symmetric matrices, and singular vectors of all."""

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import divisor
from adamx.types import Array


def eigenvectors(a: Array) -> Array:
    """Return the eigenvectors of A = Aᴴ as columns, in falling order of eigenvalues.

    Their signs are such that small changes of A change them little. Where there is a
    NaN or ∞ in a matrix, they are NaN. Derivatives take them as given.
    """
    a, usable = finite_or_identity(jax.lax.stop_gradient(a))
    _, vectors = jnp.linalg.eigh(a)
    return jnp.where(usable, _signed(jnp.flip(vectors, -1)), jnp.nan)


def singular_vectors(a: Array) -> Array:
    """Return the right singular vectors of A as columns, in falling order.

    There are as many as the shorter side is long. They are not taken as eigenvectors
    of AᴴA, of which those below a root of the rounding errors are lost. A matrix that
    is not square becomes one first, by QR: that is three times as fast on a CPU. Signs,
    NaN, ∞ and derivatives are as those of `eigenvectors`.
    """
    a, usable = finite_or_identity(jax.lax.stop_gradient(a))
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
    """Take a step of the power iteration from `vectors` towards eigenvectors of A.

    Q ← QR(A·Q), with the columns of Q ordered by their estimated eigenvalues qᴴ·A·q,
    the largest first. Where A is zero they stay. Derivatives take them as given.

    Returns:
        The new Q, and the numbers of the old columns in their new order.
    """
    a, vectors = jax.lax.stop_gradient((a, vectors))
    a, usable = finite_or_identity(a)
    # The product of A as it is could overflow; its size is nothing to Q.
    top = jnp.max(jnp.abs(a), (-2, -1), keepdims=True, initial=0)
    towards = jnp.where(top > 0, a / jnp.where(top > 0, top, 1) @ vectors, vectors)
    size = jnp.sum((vectors.conj() * towards).real, -2)
    order = jnp.argsort(-size, axis=-1)
    q, r = jnp.linalg.qr(jnp.take_along_axis(towards, order[..., None, :], -1))
    q = q * _sign(jnp.diagonal(r, axis1=-2, axis2=-1))
    return jnp.where(usable, q, jnp.nan), order


def _signed(vectors: Array) -> Array:
    """Return the columns, with signs that small changes of them hardly ever change."""
    # A sum with weights of no pattern, which is hardly ever zero by symmetry.
    numbers = jnp.arange(vectors.shape[-2], dtype=vectors.real.dtype)
    return vectors * _sign(vectors.mT @ (jnp.sqrt(1 + numbers) % 1 + 1)).conj()


def _sign(x: Array) -> Array:
    """Return one number of length 1 for each column, that of x; 1 for zero."""
    size = jnp.abs(x)
    sign = jnp.where(size > 0, x / jnp.where(size > 0, size, 1), 1)
    return sign[..., None, :]


def finite_or_identity(a: Array) -> tuple[Array, Array]:
    """Return the matrices, or the identity for NaN and ∞, and which are finite.

    What LAPACK does with them is for each machine to say.
    """
    usable = jnp.all(jnp.isfinite(a), (-2, -1), keepdims=True)
    return jnp.where(usable, a, jnp.eye(*a.shape[-2:], dtype=a.dtype)), usable
