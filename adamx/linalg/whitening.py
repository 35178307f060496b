"""Whitening by Kronecker factors, one for each axis of an array.

The preconditioner is P = QᴴQ, where Q, a Kronecker product, multiplies by Qᵢ along
axis i. A factor is an upper triangular matrix, or the vector of a diagonal one.
"""

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import abs_sq, divisor, largest_invertible
from adamx.numerics.norms import largest_of
from adamx.types import Array, Scalar

Factors: TypeAlias = tuple[Array, ...]
"""The factors Qᵢ, one for each axis."""


def refreshed(
    factors: Factors, g: Array, size: Array, v: Array, rate: Scalar
) -> Factors:
    """Return the factors after one step towards E[P·g·gᴴ·P] = I, for a gradient size·g.

    a = Q·g,  b = Q⁻ᴴ·v
    Qᵢ ← Qᵢ − ρ · triu(aᵢaᵢᴴ − bᵢbᵢᴴ) / ‖aᵢaᵢᴴ + bᵢbᵢᴴ‖ · Qᵢ

    aᵢ is a as a matrix with axis i as its rows. v has the standard normal distribution,
    so that the mean of bbᴴ is Q⁻ᴴQ⁻¹, without an inverse. The norm is `norm_bound`.
    """
    a, b = g, v
    for axis, q in enumerate(factors):
        a, b = _along(q, a, axis), _solved(q, b, axis)
    a, b = _in_common_units(a, size, b)
    new = []
    for axis, q in enumerate(factors):
        won, lost = _gram(a, axis, q.ndim), _gram(b, axis, q.ndim)
        if q.ndim == 1:
            new.append(q - rate * (won - lost) / divisor(jnp.max(won + lost))[0] * q)
        else:
            change = jnp.triu(won - lost) / norm_bound(won + lost)
            new.append(q - rate * (change @ q))
    return balanced(tuple(new))


def balanced(factors: Factors) -> Factors:
    """Scale the factors to about equal size, without changing their product.

    The scales are powers of two, so that nothing is rounded.
    """
    if len(factors) == 1:
        return factors
    bits = [jnp.log2(divisor(largest_of(q))[0]) for q in factors]
    mean = sum(bits) / len(bits)
    shifts = [jnp.round(mean - x).astype(jnp.int32) for x in bits[:-1]]
    shifts = [jax.lax.stop_gradient(s) for s in (*shifts, -sum(shifts))]
    return tuple(
        q * jnp.ldexp(jnp.ones((), q.real.dtype), s)
        for q, s in zip(factors, shifts, strict=True)
    )


def whitened(factors: Factors, g: Array) -> tuple[Array, Array]:
    """Return P·g as a pair (s, P·g / s), so that neither overflows."""
    size = jnp.ones((), g.real.dtype)
    for axis, q in enumerate(factors):
        unit = jax.lax.stop_gradient(divisor(largest_of(q))[0])
        q = q / unit
        size = size * unit * unit
        g = _along(q, g, axis)
        g = _along(q if q.ndim == 1 else q.conj().T, g, axis)
    return size, g


def norm_bound(x: Array) -> Array:
    """Return a lower bound of the largest eigenvalue of x = xᴴ ≥ 0.

    ‖x·y‖ / ‖y‖ for y = x·c, where c is the longest column of x. For random matrices it
    is at least 1/√2 of the eigenvalue. For x = 0 it is 1.
    """
    unit = jax.lax.stop_gradient(divisor(largest_of(x))[0])
    x = x / unit
    longest = jnp.argmax(jnp.sum(abs_sq(x), 0))
    y = x @ jax.lax.dynamic_index_in_dim(x, longest, 1, keepdims=False)
    # x is divided by its largest number, which is on the diagonal, so that ‖y‖ is at
    # least 1 unless x is 0.
    y = y / jnp.sqrt(jnp.maximum(jnp.sum(abs_sq(y)), 1))
    return unit * jnp.sqrt(jnp.maximum(jnp.sum(abs_sq(x @ y)), 1))


def _in_common_units(a: Array, size: Array, b: Array) -> tuple[Array, Array]:
    """Divide size·a and b by the largest number of both, so that squares are finite."""
    of_a, of_b = (jax.lax.stop_gradient(divisor(largest_of(x))[0]) for x in (a, b))
    bound = largest_invertible(size.dtype)
    scaled = jnp.minimum(size * of_a, bound)
    largest = jnp.maximum(scaled, of_b)
    return a / of_a * (scaled / largest), b / of_b * (of_b / largest)


def _along(q: Array, x: Array, axis: int) -> Array:
    """Multiply x by `q` along an axis."""
    if q.ndim == 1:
        return x * _spread(q, x.ndim, axis)
    return jnp.moveaxis(jnp.tensordot(q, x, (1, axis)), 0, axis)


def _solved(q: Array, x: Array, axis: int) -> Array:
    """Multiply x by q⁻ᴴ along an axis."""
    if q.ndim == 1:
        return x / _spread(q, x.ndim, axis)
    rows = jnp.moveaxis(x, axis, 0)
    flat = jax.lax.linalg.triangular_solve(
        q,
        rows.reshape(len(q), -1),
        left_side=True,
        lower=False,
        transpose_a=True,
        conjugate_a=True,
    )
    return jnp.moveaxis(flat.reshape(rows.shape), 0, axis)


def _gram(x: Array, axis: int, ndim: int) -> Array:
    """Return x·xᴴ, or its diagonal, for x as a matrix with `axis` as its rows."""
    if ndim == 1:
        return jnp.sum(abs_sq(x), tuple(i for i in range(x.ndim) if i != axis))
    rows = jnp.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    return rows @ rows.conj().T


def _spread(q: Array, ndim: int, axis: int) -> Array:
    shape: Sequence[int] = [-1 if i == axis else 1 for i in range(ndim)]
    return q.reshape(shape)
