"""Norms of many arrays that neither overflow nor underflow on the way."""

from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.dtypes import common_dtype


def scaled_norm(leaves: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Return the 2-norm of all numbers in `leaves`, as a pair (unit, norm / unit).

    ‖x‖ = a · √(Σ |x/a|²), with a = max |x|

    The first factor cannot overflow, and the second lies between 1 and √n; their
    product may overflow where the norm itself is not a number of the dtype. The first
    is 0 without leaves or where all is zero; NaN and ∞ come through. It is at most an
    eighth of the largest number, as XLA may multiply by 1/a where a division by a is
    asked for, and the inverse of more is 0: there the second is up to 8·√n.

    Args:
        leaves: float or complex arrays of any shapes, of at least float32.

    Returns:
        Two real scalars in the widest dtype of the leaves.

    Reference:
        Blue, "A portable Fortran program to find the Euclidean norm", 1978, in spirit.

    Example:
        >>> import jax.numpy as jnp
        >>> largest, rest = scaled_norm([jnp.array([3e30, 4e30])])
        >>> round(float(largest * rest) / 1e30, 5)
        5.0
    """
    if not leaves:
        return jnp.zeros(()), jnp.ones(())
    return joined_norm(*_stacked([norm_of(x) for x in leaves]))


@partial(jax.jit, static_argnums=1)
def norm_of(x: jax.Array, axes: "Axes" = None) -> tuple[jax.Array, jax.Array]:
    """Return the 2-norm of one array, or those along `axes`; see `scaled_norm`.

    Args:
        x: a float or complex array of any shape, of at least float32.
        axes: along which to add up; they stay, with length 1. All of them by default,
            and then none stays.

    Returns:
        Two real arrays, unit and norm / unit.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[3e30, 4e30], [0.0, 0.0]])
        >>> largest, rest = norm_of(x, (1,))
        >>> jnp.round(largest * rest / 1e30, 5).tolist()
        [[5.0], [0.0]]
    """
    unit, by = _unit(largest_of(x, axes))
    total = _squares(x, by, axes)
    # The largest contributes 1; only of zeros is it less, where a root has no slope.
    return unit, jnp.sqrt(jnp.where(total == 0, 1, total))


def joined_norm(unit: jax.Array, rest: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the norm of norms, along their first axis; see `scaled_norm`.

    Args:
        unit: the first factors of some norms.
        rest: the second ones.

    Returns:
        Two real arrays, of one axis less.

    Example:
        >>> import jax.numpy as jnp
        >>> largest, rest = joined_norm(jnp.array([3e30, 0.0, 4e30]), jnp.ones(3))
        >>> round(float(largest * rest) / 1e30, 5)
        5.0
    """
    largest = jnp.max(unit, 0, keepdims=True)
    share = unit / jnp.where(largest > 0, largest, 1) * rest
    total = jnp.sum(share**2, 0)
    return largest[0], jnp.sqrt(jnp.where(total == 0, 1, total))


def total_norm(unit: jax.Array, rest: jax.Array) -> jax.Array:
    """Return the norm of norms, along their first axis, as one number; it may be ∞."""
    largest, rest = joined_norm(unit, rest)
    return largest * rest


Product: TypeAlias = tuple[jax.Array, jax.Array, jax.Array]
"""An inner product as its three factors."""


@jax.jit
def product_of(x: jax.Array, y: jax.Array) -> Product:
    """Return the real inner product of two arrays, as (x', y', product / (x'·y')).

    Re⟨x, y⟩ = x' · y' · Σ Re (x/x')·(y/y')*, with x' = max |x|, y' = max |y|

    The first two factors cannot overflow, and the third is at most n in size; as with
    `scaled_norm` their product may.

    Args:
        x: a float or complex array of any shape, of at least float32.
        y: another of the same shape.

    Returns:
        Three real scalars; 0 and 0 where all is zero.

    Example:
        >>> import jax.numpy as jnp
        >>> found = product_of(jnp.array([1e30, 2e30]), jnp.array([0.0, 4e30]))
        >>> [float(f"{x:.1e}") for x in found]
        [2e+30, 4e+30, 1.0]
    """
    a, b = (jax.lax.stop_gradient(largest_of(z)) for z in (x, y))
    dtype = x.real.dtype
    x = x / jnp.where(a == 0, 1, a).astype(dtype)
    y = y / jnp.where(b == 0, 1, b).astype(dtype)
    return a, b, jnp.sum((x * y.conj()).real)


def joined_product(a: jax.Array, b: jax.Array, rest: jax.Array) -> Product:
    """Return the sum of inner products, along their first axis, as its three factors.

    Args:
        a: the first factors of some products.
        b: the second ones.
        rest: the third ones.

    Returns:
        Three real arrays, of one axis less; see `product_of`.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: jnp.array(x)
        >>> found = joined_product(of(1e30, 2e30), of(1e30, 2e30), of(1.0, -0.25))
        >>> float(found[2])
        0.0
    """
    left, right = (jnp.max(x, 0, keepdims=True) for x in (a, b))
    shares = a / jnp.where(left == 0, 1, left), b / jnp.where(right == 0, 1, right)
    return left[0], right[0], jnp.sum(rest * shares[0] * shares[1], 0)


def bounded_product(product: Product) -> jax.Array:
    """Return the product of the factors of an inner product, clipped.

    Args:
        product: as `product_of` gives it.

    Returns:
        A real array, an eighth of its largest number in size at the most.

    Example:
        >>> import jax.numpy as jnp
        >>> bool(bounded_product(product_of(*[jnp.array(1e30)] * 2)) < jnp.inf)
        True
    """
    left, right, rest = product
    bound = float(jnp.finfo(rest.dtype).max) / 8
    return jnp.clip(left * rest * right, -bound, bound)


def inner_product(a: list[jax.Array], b: list[jax.Array]) -> jax.Array:
    """Return Re⟨a, b⟩ of two lists of arrays, clipped so that it can be added to.

    Args:
        a: float or complex arrays of any shapes, of at least float32.
        b: as many arrays, of the same shapes.

    Returns:
        A real scalar in the widest dtype of the leaves, an eighth of its largest number
        in size at the most.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: [jnp.array(x)]
        >>> float(inner_product(of(1e30, 1e30, 2.0), of(1e30, -1e30, 3e-30)))
        0.0
        >>> bool(inner_product(of(1e30), of(1e30)) < jnp.inf)
        True
    """
    if not a:
        return jnp.zeros(())
    pairs = zip(a, b, strict=True)
    parts = _stacked([product_of(x, y) for x, y in pairs])
    return bounded_product(joined_product(*parts))


def shrunk(
    norm: tuple[jax.Array, jax.Array], bound: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Return a divisor and a factor that bound a norm together.

    Their quotient could underflow. Where the norm is NaN or ∞, so is one of the two.

    Args:
        norm: as `scaled_norm` gives it.
        bound: a number that is not negative, or an array of such.

    Returns:
        Two real arrays; ones where the norm is within the bound.

    Example:
        >>> import jax.numpy as jnp
        >>> by, times = shrunk(scaled_norm([jnp.array([3e30, 4e30])]), 1e-10)
        >>> round(float(3e30 / by * times) / 1e-10, 5)
        0.6
    """
    largest, rest = norm
    share = bound / rest
    fits = largest <= share
    return jnp.where(fits, 1, largest), jnp.where(fits, 1, share)


def root_of_squares(
    a: jax.typing.ArrayLike, x: jax.Array, b: jax.typing.ArrayLike, y: jax.Array
) -> jax.Array:
    """Return √(a·x² + b·y²) of x, y ≥ 0 without overflow, with a slope of 0 at 0."""
    unit = jnp.maximum(x, y)
    usable = unit >= float(jnp.finfo(unit.dtype).tiny)
    by = jnp.where(usable, unit, 1)
    total = a * (x / by) ** 2 + b * (y / by) ** 2
    some = usable & (total > 0)
    return jnp.where(some, by * jnp.sqrt(jnp.where(some, total, 1)), 0 * unit)


def root_mean_square(x: jax.Array) -> jax.Array:
    """Return √(Σ |x|² / n) of the n numbers in `x`, in their real dtype; 0 of none.

    Exact for any finite numbers, as `scaled_norm` is.

    Args:
        x: a float or complex array of any shape, of at least float32.

    Returns:
        A real scalar.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(root_mean_square(jnp.array([1.0, 7.0]))), 5)
        5.0
    """
    unit, rest = scaled_root_mean_square(x)
    return unit * rest


def scaled_root_mean_square(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the root mean square of `x` as a pair; see `scaled_norm`."""
    (unit, by), n = _unit(largest_of(x)), max(x.size, 1)
    mean = _squares(x, by, None) / n
    return unit, jnp.sqrt(jnp.where(mean == 0, 1 / n, mean))


Axes: TypeAlias = tuple[int, ...] | None


def largest_of(x: jax.Array, axes: Axes = None) -> jax.Array:
    """Return the largest |x|, of complex numbers that of their parts; 0 of none."""

    def along(part: jax.Array) -> jax.Array:
        kept = axes is not None
        return jnp.max(jnp.abs(part), axes, keepdims=kept, initial=0)

    if jnp.iscomplexobj(x):
        return jnp.maximum(along(x.real), along(x.imag))
    return along(x)


@jax.jit
def _unit(largest: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the unit of a norm, and the divisor for it: 1 where the unit is 0.

    Both are constants for derivatives, which are the same for any unit. That of a
    division by a unit of 1e-20 would have its square below, which is 0.
    """
    largest = jax.lax.stop_gradient(largest)
    bound = float(jnp.finfo(largest.dtype).max) / 8
    unit = jnp.where(jnp.isinf(largest), largest, jnp.minimum(largest, bound))
    return unit, jnp.where(unit > 0, unit, 1)


def _squares(x: jax.Array, by: jax.Array, axes: Axes) -> jax.Array:
    x = x / by.astype(x.real.dtype)
    squares = x.real * x.real + x.imag * x.imag if jnp.iscomplexobj(x) else x * x
    return jnp.sum(squares, axes, keepdims=axes is not None)


def _stacked(rows: list[tuple[jax.Array, ...]]) -> list[jax.Array]:
    """Return each of the columns as one array, in the widest dtype."""
    dtype = common_dtype(*(x.dtype for row in rows for x in row))
    columns = zip(*rows, strict=True)
    return [jnp.stack([x.astype(dtype) for x in column]) for column in columns]
