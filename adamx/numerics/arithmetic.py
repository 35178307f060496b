"""Arithmetic on one array that is right at the edges."""

import jax
import jax.numpy as jnp

from adamx.types import Array, PyTree, Scalar


def is_zero(x: Scalar) -> bool:
    """Whether `x` is known to be zero when the program is built."""
    return isinstance(x, float) and x == 0.0


def all_finite(tree: PyTree) -> Array:
    """Whether there is no NaN and no ∞ in any array of `tree`."""
    found = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(found)) if found else jnp.array(True)


def abs_sq(x: Array) -> Array:
    """|x|², real also for complex x, without the root that abs would take."""
    if jnp.iscomplexobj(x):
        return x.real * x.real + x.imag * x.imag
    return x * x


def modulus(x: Array) -> Array:
    """Return |x|, with the derivative 0 at 0, where that of a modulus is NaN."""
    zero = x == 0
    return jnp.where(zero, 0, jnp.abs(jnp.where(zero, 1, x)))


def squarable(x: Array) -> Array:
    """`x`, but no larger than what can be squared, and 65,536 squares added up.

    A moment and what is divided by its root are to see the same gradient: with 1e30 in
    the numerator and the largest square below, the quotient would be 1e10 instead of 1.
    ∞ counts as the largest too; NaN stays NaN.
    """
    if jnp.iscomplexobj(x):
        return jax.lax.complex(squarable(x.real), squarable(x.imag))
    bound = jnp.asarray(largest_squarable(x.dtype), x.dtype)
    return jax.lax.clamp(-bound, x, bound)


def clipped(x: Array, bound: Scalar) -> Array:
    """`x` within ±bound; of complex numbers the modulus."""
    if not jnp.iscomplexobj(x):
        return jnp.clip(x, -bound, bound)
    size = jnp.abs(jnp.where(x == 0, 1, x))
    return x * jnp.minimum(bound / size, 1)


def largest_squarable(dtype: jax.typing.DTypeLike) -> float:
    """The bound that `squarable` keeps, for a float or complex `dtype`."""
    return 2.0 ** (jnp.finfo(dtype).maxexp // 2 - 9)


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
def quotient(x: Array, y: Array) -> Array:
    """The ratio x / y, whose derivative is 0 where x is, however small y.

    That of jax's division multiplies by 1/y² before x: ∞ times 0.
    """
    return x / y


@quotient.defjvp
def _quotient_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    ratio = quotient(x, y)
    return ratio, dx / y - ratio * (dy / y)


@jax.custom_jvp
def safe_sqrt(x: Array) -> Array:
    """√x, with the derivative 0 (not ∞) at 0, so that gradients stay finite."""
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
    """`x` ≥ 0, or one where it is too small to divide by; and where it is not.

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
    """What to divide by, one after the other, for x / (times·‖x‖ + ε), ε as in `faded`.

    `norm` is a pair, as `scaled_norm` gives it: in units of the largest number, as the
    norm could overflow, and its inverse too. Where ‖x‖ is too small to divide by there
    are ones; where it is not, the third is true.
    """
    largest, rest = norm
    unit, usable = divisor(largest)
    n = times * rest
    return unit, jnp.where(usable, n + faded(eps, n, unit), 1), usable


def beside(x: Array, like: Array) -> Array:
    """`x`, over the devices as `like` is, and NaN where that is.

    XLA places what is made number by number of two arrays as these are; products of
    matrices it places as it likes.
    """
    return jnp.where(like == like, x, like)
