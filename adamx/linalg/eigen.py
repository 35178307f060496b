"""Eigenvectors of symmetric matrices, and singular vectors of any matrix."""

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import divisor
from adamx.types import Array


def eigenvectors(a: Array) -> Array:
    """Return the eigenvectors of A = Aᴴ as columns, in falling order of eigenvalues.

    Their signs are chosen so that a small change of A hardly ever flips one. If A
    contains a NaN or ∞, they are NaN. Their derivative is zero.
    """
    a, usable = finite_or_identity(jax.lax.stop_gradient(a))
    _, vectors = jnp.linalg.eigh(a)
    return jnp.where(usable, _signed(jnp.flip(vectors, -1)), jnp.nan)


def singular_vectors(a: Array) -> Array:
    """Return the min(m, n) right singular vectors of A as columns, in falling order.

    They are computed by an SVD, because AᴴA loses singular values below the root of the
    rounding error. A QR decomposition first makes the matrix square, which is three
    times as fast on a CPU. Signs, NaN, ∞ and derivatives are as for `eigenvectors`.
    """
    a, usable = finite_or_identity(jax.lax.stop_gradient(a))
    # because LAPACK's results for huge or tiny numbers differ between machines
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
    """Apply one step of the power iteration to `vectors`, towards eigenvectors of A.

    Q ← QR(A·Q), with the columns of Q ordered by their estimated eigenvalues qᴴ·A·q,
    the largest first. If A is zero, Q is unchanged. The derivative is zero.

    Returns:
        The new Q, and the indices that sort the old columns.
    """
    a, vectors = jax.lax.stop_gradient((a, vectors))
    a, usable = finite_or_identity(a)
    # A is scaled, because A·Q could overflow; Q does not depend on the scale.
    top = jnp.max(jnp.abs(a), (-2, -1), keepdims=True, initial=0)
    towards = jnp.where(top > 0, a / jnp.where(top > 0, top, 1) @ vectors, vectors)
    size = jnp.sum((vectors.conj() * towards).real, -2)
    order = jnp.argsort(-size, axis=-1)
    q, r = jnp.linalg.qr(jnp.take_along_axis(towards, order[..., None, :], -1))
    q = q * _sign(jnp.diagonal(r, axis1=-2, axis2=-1))
    return jnp.where(usable, q, jnp.nan), order


def _signed(vectors: Array) -> Array:
    """Flip the signs of columns so that a small change hardly ever flips another."""
    # The weights are irregular, so that symmetric columns have a nonzero sum.
    numbers = jnp.arange(vectors.shape[-2], dtype=vectors.real.dtype)
    return vectors * _sign(vectors.mT @ (jnp.sqrt(1 + numbers) % 1 + 1)).conj()


def _sign(x: Array) -> Array:
    """Return x / |x| for each column, and 1 where x is zero."""
    size = jnp.abs(x)
    sign = jnp.where(size > 0, x / jnp.where(size > 0, size, 1), 1)
    return sign[..., None, :]


def finite_or_identity(a: Array) -> tuple[Array, Array]:
    """Replace matrices that are not finite by the identity; return also a mask.

    The mask is true for finite matrices. LAPACK's results for NaN and ∞ differ between
    machines.
    """
    usable = jnp.all(jnp.isfinite(a), (-2, -1), keepdims=True)
    return jnp.where(usable, a, jnp.eye(*a.shape[-2:], dtype=a.dtype)), usable
