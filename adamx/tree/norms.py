"""Norms of many arrays that neither overflow nor underflow on the way."""

from functools import partial

import jax
import jax.numpy as jnp


def scaled_norm(leaves: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """The 2-norm of all numbers in `leaves`, as a pair (unit, norm / unit).

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

    Raises:
        TypeError: a leaf is no array.

    Reference:
        Blue, "A portable Fortran program to find the Euclidean norm", 1978, in spirit.

    Example:
        >>> import jax.numpy as jnp
        >>> largest, rest = scaled_norm([jnp.array([3e30, 4e30])])
        >>> round(float(largest * rest) / 1e30, 5)
        5.0
    """
    filled = [x for x in leaves if x.size]
    if not filled:
        return jnp.zeros(()), jnp.ones(())
    largest = _unit(jnp.max(jnp.stack(_promoted([largest_of(x) for x in filled]))))
    by = jnp.where(largest > 0, largest, 1)
    total = sum(_promoted([_squares(x, by) for x in filled]))
    # The largest contributes 1; only of zeros is it less, where a root has no slope.
    return largest, jnp.sqrt(jnp.maximum(total, 1))


def scaled_product(
    a: list[jax.Array], b: list[jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The real inner product of two lists of arrays, as (a', b', product / (a'·b')).

    Re⟨a, b⟩ = a' · b' · Σ Re (a/a')·(b/b')*, with a' = max |a|, b' = max |b|

    The first two factors cannot overflow, and the third is at most n in size; as with
    `scaled_norm` their product may. A largest number that is 0 counts as 1.

    Args:
        a: float or complex arrays of any shapes, of at least float32.
        b: as many arrays, of the same shapes.

    Returns:
        Three real scalars in the widest dtype of the leaves.

    Raises:
        TypeError: a leaf is no array.

    Reference:
        As `scaled_norm`.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: [jnp.array(x)]
        >>> [float(f"{x:.1e}") for x in scaled_product(of(1e30, 2e30), of(0.0, 4e30))]
        [2e+30, 4e+30, 1.0]
    """
    pairs = [pair for pair in zip(a, b, strict=True) if pair[0].size]
    if not pairs:
        return jnp.ones(()), jnp.ones(()), jnp.zeros(())
    left, right = (
        jnp.max(jnp.stack(_promoted([largest_of(x) for x in side])))
        for side in zip(*pairs, strict=True)
    )
    by = [jnp.where(x == 0, 1, x) for x in (left, right)]
    parts = _promoted([_products(x, y, *by) for x, y in pairs])
    return by[0], by[1], jnp.sum(jnp.stack(parts))


def inner_product(a: list[jax.Array], b: list[jax.Array]) -> jax.Array:
    """Re⟨a, b⟩ of two lists of arrays; too large counts as what can still be added to.

    Args:
        a: float or complex arrays of any shapes, of at least float32.
        b: as many arrays, of the same shapes.

    Returns:
        A real scalar in the widest dtype of the leaves, an eighth of its largest number
        in size at the most.

    Raises:
        TypeError: a leaf is no array.

    Reference:
        As `scaled_norm`.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: [jnp.array(x)]
        >>> float(inner_product(of(1e30, 1e30, 2.0), of(1e30, -1e30, 3e-30)))
        0.0
        >>> bool(inner_product(of(1e30), of(1e30)) < jnp.inf)
        True
    """
    left, right, rest = scaled_product(a, b)
    bound = float(jnp.finfo(rest.dtype).max) / 8
    return jnp.clip(left * rest * right, -bound, bound)


def scaled_norm_along(
    x: jax.Array, axes: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    """The 2-norms of `x` along `axes`, which stay with length 1; see `scaled_norm`.

    Args:
        x: a float or complex array of any shape, of at least float32.
        axes: along which to add up.

    Returns:
        Two real arrays, unit and norm / unit.

    Raises:
        TypeError: `x` is no array.

    Reference:
        adamx's own.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[3e30, 4e30], [0.0, 0.0]])
        >>> largest, rest = scaled_norm_along(x, (1,))
        >>> jnp.round(largest * rest / 1e30, 5).tolist()
        [[5.0], [0.0]]
    """
    if not x.size:
        kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
        return jnp.zeros(kept, x.real.dtype), jnp.ones(kept, x.real.dtype)
    largest = _unit(largest_of(x, axes))
    total = _squares(x, jnp.where(largest > 0, largest, 1), axes)
    return largest, jnp.sqrt(jnp.maximum(total, 1))


def shrunk(
    norm: tuple[jax.Array, jax.Array], bound: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """What to divide by, and then to multiply by, so that a norm is at most a bound.

    Their quotient could underflow. Where the norm is NaN or ∞, so is one of the two.

    Args:
        norm: as `scaled_norm` gives it.
        bound: a number that is not negative, or an array of such.

    Returns:
        Two real arrays; ones where the norm is within the bound.

    Raises:
        TypeError: the norm is no pair of arrays.

    Reference:
        adamx's own.

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
    """√(a·x² + b·y²) of x, y ≥ 0 that need not have squares, with a slope of 0 at 0."""
    unit = jnp.maximum(x, y)
    usable = unit >= float(jnp.finfo(unit.dtype).tiny)
    by = jnp.where(usable, unit, 1)
    total = a * (x / by) ** 2 + b * (y / by) ** 2
    some = usable & (total > 0)
    return jnp.where(some, by * jnp.sqrt(jnp.where(some, total, 1)), 0 * unit)


def root_mean_square(x: jax.Array) -> jax.Array:
    """√(Σ |x|² / n) of the n numbers in `x`, in their real dtype; 0 of none.

    Exact for any finite numbers, as `scaled_norm` is.

    Args:
        x: a float or complex array of any shape, of at least float32.

    Returns:
        A real scalar.

    Raises:
        TypeError: `x` is no array.

    Reference:
        adamx's own.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(root_mean_square(jnp.array([1.0, 7.0]))), 5)
        5.0
    """
    unit, rest = scaled_root_mean_square(x)
    return unit * rest


def scaled_root_mean_square(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The root mean square of `x` as a pair; see `scaled_norm`."""
    if not x.size:
        return jnp.zeros((), x.real.dtype), jnp.ones((), x.real.dtype)
    unit = _unit(largest_of(x))
    mean = _squares(x, jnp.where(unit > 0, unit, 1)) / x.size
    return unit, jnp.sqrt(jnp.maximum(mean, 1 / x.size))


def _promoted(scalars: list[jax.Array]) -> list[jax.Array]:
    dtype = jnp.result_type(*scalars)
    return [x.astype(dtype) for x in scalars]


Axes = tuple[int, ...] | None


@partial(jax.jit, static_argnums=1)
def largest_of(x: jax.Array, axes: Axes = None) -> jax.Array:
    """The largest |x|, of complex numbers that of their parts; `x` is not empty."""

    def along(part: jax.Array) -> jax.Array:
        return jnp.max(jnp.abs(part), axes, keepdims=axes is not None)

    if jnp.iscomplexobj(x):
        return jnp.maximum(along(x.real), along(x.imag))
    return along(x)


def _unit(largest: jax.Array) -> jax.Array:
    bound = float(jnp.finfo(largest.dtype).max) / 8
    return jnp.where(jnp.isinf(largest), largest, jnp.minimum(largest, bound))


@partial(jax.jit, static_argnums=2)
def _squares(x: jax.Array, by: jax.Array, axes: Axes = None) -> jax.Array:
    x = x / by.astype(x.real.dtype)
    squares = x.real**2 + x.imag**2 if jnp.iscomplexobj(x) else x**2
    return jnp.sum(squares, axes, keepdims=axes is not None)


@jax.jit
def _products(x: jax.Array, y: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    x, y = x / a.astype(x.real.dtype), y / b.astype(y.real.dtype)
    return jnp.sum((x * y.conj()).real)
