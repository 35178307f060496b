"""Arithmetic on one array that is right at the edges."""

from functools import partial

import jax
import jax.numpy as jnp

from adamx.core.types import Array, Scalar


def compute_dtype(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """The dtype that states and arithmetic use for `dtype`: float32 at the least."""
    return jnp.promote_types(dtype, jnp.float32)


def scalar_dtype() -> jnp.dtype:
    """The widest float there is: float64 where x64 is enabled, otherwise float32."""
    return jax.dtypes.canonicalize_dtype(jnp.float64)


def real_dtype(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """The dtype of the absolute value of an array of `dtype`."""
    return jnp.finfo(dtype).dtype


def convert(x: Array, dtype: jax.typing.DTypeLike) -> Array:
    """`x` in `dtype`, strongly typed; no operation where that changes nothing."""
    if x.dtype == dtype and not x.aval.weak_type:
        return x
    return x.astype(dtype)


def narrow(x: Array, dtype: jax.typing.DTypeLike) -> Array:
    """`x` in `dtype`, finite where `x` is: too large becomes the largest there is."""
    floats = jnp.issubdtype(dtype, jnp.inexact)
    if floats and jnp.finfo(dtype).max < jnp.finfo(x.dtype).max:
        return _saturated(x, jnp.dtype(dtype))
    return convert(x, dtype)


@partial(jax.jit, static_argnums=1)
def _saturated(x: Array, dtype: jnp.dtype) -> Array:
    top = float(jnp.finfo(dtype).max)
    return jnp.where(jnp.isinf(x), x, jnp.clip(x, -top, top)).astype(dtype)


def is_zero(x: Scalar) -> bool:
    """Whether `x` is known to be zero when the program is built."""
    return isinstance(x, float) and x == 0.0


def abs_sq(x: Array) -> Array:
    """|x|², real also for complex x, without the root that abs would take."""
    if jnp.iscomplexobj(x):
        return x.real * x.real + x.imag * x.imag
    return x * x


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


def largest_squarable(dtype: jax.typing.DTypeLike) -> float:
    """The bound that `squarable` keeps, for a float or complex `dtype`."""
    return 2.0 ** (jnp.finfo(dtype).maxexp // 2 - 9)


def moving_average(average: Array, x: Array, decay: Scalar) -> Array:
    """decay·average + (1−decay)·x, as one step towards x.

    Written with 1−decay, which is exact for a Python number: 1 − float32(0.999) would
    be 1.3e-5 off.
    """
    return towards(average, x, 1 - decay)


def towards(average: Array, x: Array, share: Scalar) -> Array:
    """(1−share)·average + share·x, where the share of the new is what is known."""
    return average + share * (x - average)


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


def next_count(count: Array) -> Array:
    """Count + 1, staying at the integer's end instead of wrapping round."""
    return jnp.where(count < jnp.iinfo(count.dtype).max, count + 1, count)
