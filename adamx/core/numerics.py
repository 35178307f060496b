"""Arithmetic on one array that is right at the edges."""

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


def is_zero(x: Scalar) -> bool:
    """Whether `x` is known to be zero when the program is built."""
    return isinstance(x, float) and x == 0.0


def abs_sq(x: Array) -> Array:
    """|x|², real also for complex x, without the root that abs would take."""
    if jnp.iscomplexobj(x):
        return x.real * x.real + x.imag * x.imag
    return x * x


def moving_average(average: Array, x: Array, decay: Scalar) -> Array:
    """decay·average + (1−decay)·x, as one step towards x.

    Written with 1−decay, which is exact for a Python number: 1 − float32(0.999) would
    be 1.3e-5 off.
    """
    return average + (1 - decay) * (x - average)


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
