"""Arithmetic on one array that is right at the edges."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from adamx.types import Array, PyTree, Scalar


def is_zero(x: Scalar) -> bool:
    """Return whether `x` is known to be zero when the program is built."""
    return isinstance(x, float) and x == 0.0


def all_finite(tree: PyTree) -> Array:
    """Return whether there is no NaN and no ∞ in any array of `tree`."""
    found = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(found)) if found else jnp.array(True)


def times(x: Array, number: Scalar) -> Array:
    """Return `x` times one number, in the dtype of `x`.

    By lax, because the operators of jnp are jitted functions: in the step of a leaf
    they take most of the time of a trace.
    """
    known = number if isinstance(number, jax.Array) else np.asarray(number)
    return jax.lax.mul(x, known.astype(x.dtype))


def plus(x: Array, number: Scalar) -> Array:
    """Return `x` plus one number, in the dtype of `x`; see `times`."""
    known = number if isinstance(number, jax.Array) else np.asarray(number)
    return jax.lax.add(x, known.astype(x.dtype))


def abs_sq(x: Array) -> Array:
    """Return |x|², real also for complex x, without the root that abs would take."""
    if jnp.iscomplexobj(x):
        return x.real * x.real + x.imag * x.imag
    return jax.lax.mul(x, x)


def modulus(x: Array) -> Array:
    """Return |x|, with the derivative 0 at 0, where that of a modulus is NaN."""
    zero = x == 0
    return jnp.where(zero, 0, jnp.abs(jnp.where(zero, 1, x)))


def clip_to_squarable(x: Array) -> Array:
    """Clip |x| so that its square, and a sum of 2³² such squares, does not overflow.

    A moment and the numerator over its root must see the same gradient: with 1e30 in
    the numerator and the largest square below, the quotient would be 1e15 instead of 1.
    ∞ becomes the largest number too; NaN stays NaN.
    """
    if jnp.iscomplexobj(x):
        return jax.lax.complex(clip_to_squarable(x.real), clip_to_squarable(x.imag))
    bound = np.asarray(largest_squarable(x.dtype), x.dtype)
    return jax.lax.clamp(-bound, x, bound)


def clipped(x: Array, bound: Scalar) -> Array:
    """Return `x` within ±bound; of complex numbers the modulus."""
    if not jnp.iscomplexobj(x):
        return jnp.clip(x, -bound, bound)
    size = jnp.abs(jnp.where(x == 0, 1, x))
    return x * jnp.minimum(bound / size, 1)


@functools.cache
def largest_squarable(dtype: jax.typing.DTypeLike) -> float:
    """Return the bound of `clip_to_squarable`, for a float or complex `dtype`."""
    return 2.0 ** (jnp.finfo(dtype).maxexp // 2 - 17)


@functools.cache
def largest_invertible(dtype: jax.typing.DTypeLike) -> float:
    """Return an eighth of the largest number: its inverse is a normal number.

    XLA may compute x/a as x·(1/a), and the inverse of larger numbers underflows.
    """
    return float(jnp.finfo(dtype).max) / 8


def power(x: Array, exponent: Scalar) -> Array:
    """Return xᵖ for x > 0, accurate to the last digit also where log x is large.

    XLA takes exp(p·log x), whose error in float32 grows with the size of p·log x.
    """
    bits = jnp.log2(jax.lax.stop_gradient(x))
    # Inverses of more are no normal numbers.
    bits = jnp.clip(jnp.round(bits), *_exponents(x.dtype))
    whole = jnp.round(exponent * bits)
    rest = jnp.exp2(exponent * bits - whole)
    return (x * _power_of_two(-bits)) ** exponent * rest * _power_of_two(whole)


def _exponents(dtype: jax.typing.DTypeLike) -> tuple[int, int]:
    """Return the range of n in which 2ⁿ and 2⁻ⁿ are normal numbers."""
    least = int(jnp.finfo(dtype).minexp)
    return least, -least


def _power_of_two(n: Array) -> Array:
    """Return 2ⁿ for a whole n, exactly. XLA's exp2 is 2e-6 off at n = 103."""
    return jnp.ldexp(jnp.ones((), n.dtype), n.astype(jnp.int32))


@jax.custom_jvp
def safe_divide(x: Array, y: Array) -> Array:
    """Return the ratio x / y, whose derivative is 0 where x is, however small y.

    That of jax's division multiplies by 1/y² before x: ∞ times 0.
    """
    return x / y


@safe_divide.defjvp
def _quotient_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    ratio = safe_divide(x, y)
    return ratio, dx / y - ratio * (dy / y)


@jax.custom_jvp
def safe_sqrt(x: Array) -> Array:
    """Return √x, with the derivative 0 (not ∞) at 0, so that gradients stay finite."""
    return jnp.sqrt(x)


@safe_sqrt.defjvp
def _safe_sqrt_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    root = safe_sqrt(x)
    slope = jnp.where(x > 0, 0.5 / jnp.where(x > 0, root, 1), 0)
    return root, slope * dx


def divisor(x: Array) -> tuple[Array, Array]:
    """Return `x` ≥ 0, or one where it is too small to divide by; and where it is not.

    NaN counts as large enough, so that it shows.
    """
    usable = ~(x < float(jnp.finfo(x.dtype).tiny))
    return jnp.where(usable, x, 1), usable


def faded(eps: Scalar, norm: Array, unit: Array) -> Scalar:
    """Return ε, over `unit`, that fades where norm·unit is small beside it.

    ε·min(1, ‖x‖/T)², with T = min(1, 10⁴·ε). Above T it is ε, as others have it. An ε
    that is added to a smaller norm as it is would make the quotient depend on the size
    of x; so it counts for no more than 10⁻⁴, or for ε, of any norm.
    """
    if is_zero(eps):
        return eps
    # Where ε is 0 its derivative divides by the square of this.
    tiny = float(jnp.finfo(norm.dtype).tiny) ** 0.5
    least = jnp.maximum(jnp.minimum(1e4 * eps, 1), tiny)
    # Bounded before the division, which could overflow.
    share = jnp.minimum(norm * (jnp.minimum(unit, 1e8 * least) / least), 1)
    return eps * (share / unit) * share


def divisors(
    norm: tuple[Array, Array], eps: Scalar, times: Scalar = 1.0
) -> tuple[Array, Array, Array]:
    """Return the divisors, one after the other, for x / (times·‖x‖ + ε); see `faded`.

    `norm` is a pair, as `scaled_norm` returns it, because the norm could overflow, and
    its inverse too. Where ‖x‖ is too small to divide by, both divisors are 1; where it
    is not, the third value is true.
    """
    unit, rest = norm
    unit, usable = divisor(unit)
    n = times * rest
    return unit, jnp.where(usable, n + faded(eps, n, unit), 1), usable
