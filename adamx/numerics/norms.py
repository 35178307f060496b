"""Norms of many arrays that neither overflow nor underflow on the way."""

import functools
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import largest_invertible, largest_squarable
from adamx.numerics.dtypes import common_dtype, scalar_dtype


class Squares(NamedTuple):
    """The sum of the squares of some numbers, in three units; sums of parts add up.

    `small` is right if all numbers are small, and `large` if some are large: there no
    square overflows, and none that counts underflows. One pass takes all three.
    """

    small: jax.Array
    middle: jax.Array
    """In the unit 1, but no number counts as more than `largest_squarable`."""
    large: jax.Array


class Units(NamedTuple):
    """The units of `Squares`, and the ends of their ranges, all powers of two."""

    small_end: float
    """The sum of the squares below which all of them are small."""
    small: float
    large_end: float
    """The sum of the squares from which only the large numbers count."""
    large: float
    large_least: float
    """The least that a number counts as in `large`: its square is a normal number."""

    @staticmethod
    @functools.cache
    def of(dtype: jax.typing.DTypeLike) -> "Units":
        """Return those of a float dtype, for sums of up to 2³² squares."""
        info = jnp.finfo(dtype)
        large = info.maxexp // 2 + 17
        return Units(
            # Squares that underflow are too few and too small to count beside this.
            small_end=2.0 ** (info.minexp + 32 + info.nmant + 1),
            small=2.0 ** (info.minexp // 2 - 12),
            large_end=largest_squarable(dtype) ** 2,
            large=2.0**large,
            large_least=2.0 ** (large + info.minexp // 2),
        )


def scaled_norm(leaves: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Return the 2-norm of all numbers in `leaves`, as a pair (unit, norm / unit).

    The first factor cannot overflow; their product may, where the norm itself does. The
    second is 1 if the norm is at most `largest_invertible`, by which one can divide.
    The first is 0 without leaves or where all is zero. A NaN makes both NaN. If a
    number is ∞, the pair is (∞, NaN).

    Args:
        leaves: float or complex arrays of any shapes, of at least float32.

    Returns:
        Two real scalars in the widest dtype of the leaves.

    Reference:
        Blue, "A portable Fortran program to find the Euclidean norm", 1978.

    Example:
        >>> import jax.numpy as jnp
        >>> unit, rest = scaled_norm([jnp.array([3e30, 4e30])])
        >>> round(float(unit * rest) / 1e30, 5)
        5.0
    """
    if not leaves:
        return jnp.zeros(()), jnp.ones(())
    dtype = common_dtype(*(x.real.dtype for x in leaves))
    return joined_norm(*stacked([widened(_sums(x), dtype) for x in leaves]))


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
        >>> unit, rest = norm_of(x, (1,))
        >>> jnp.round(unit * rest / 1e30, 5).tolist()
        [[5.0], [0.0]]
    """
    return norm_of_squares(_sums(x, axes))


@jax.jit
def squares_of(x: jax.Array) -> Squares:
    """Return the sums of squares of one array, for `joined_norm`.

    Args:
        x: a float or complex array of any shape, of at least float32.

    Returns:
        Three real scalars, float64 if x64 is enabled, otherwise float32.

    Example:
        >>> import jax.numpy as jnp
        >>> float(squares_of(jnp.array([3.0, 4.0])).middle)
        25.0
    """
    return widened(_sums(x), scalar_dtype())


def _sums(x: jax.Array, axes: "Axes" = None) -> Squares:
    if jnp.iscomplexobj(x):
        parts = _sums(x.real, axes), _sums(x.imag, axes)
        return Squares(*map(jnp.add, *parts))
    return jax.lax.platform_dependent(
        x, cpu=partial(in_turn, axes=axes), default=partial(at_once, axes=axes)
    )


def at_once(x: jax.Array, axes: "Axes" = None) -> Squares:
    """Take the three sums together: XLA reads `x` once on a GPU and on a TPU."""
    return Squares(*(function(x, axes) for function in (_small, _middle, _large)))


def in_turn(x: jax.Array, axes: "Axes" = None) -> Squares:
    """Take two of the sums only if they are needed: on a CPU each is a pass."""
    middle, units = _middle(x, axes), Units.of(x.dtype)
    rare = jnp.any((middle < units.small_end) | (middle >= units.large_end))
    others = jax.lax.cond(
        rare,
        lambda x: (_small(x, axes), _large(x, axes)),
        lambda x: (jnp.zeros_like(middle),) * 2,
        x,
    )
    return Squares(others[0], middle, others[1])


def _small(x: jax.Array, axes: "Axes") -> jax.Array:
    units = Units.of(x.dtype)
    # Scaled before the bound, as in `_large`: XLA rewrites (x·c)·(x·c) as (x·x)·(c·c),
    # and c·c overflows. `test_a_norm_is_exact_for_any_finite_numbers` would notice.
    bound = units.small_end**0.5 / units.small
    return _sum_sq(jnp.minimum(jnp.abs(x) * (1 / units.small), bound), axes)


def _middle(x: jax.Array, axes: "Axes") -> jax.Array:
    return _sum_sq(jnp.minimum(jnp.abs(x), largest_squarable(x.dtype)), axes)


def _large(x: jax.Array, axes: "Axes") -> jax.Array:
    units = Units.of(x.dtype)
    least = units.large_least / units.large
    return _sum_sq(jnp.maximum(jnp.abs(x) * (1 / units.large), least), axes)


def _sum_sq(x: jax.Array, axes: "Axes") -> jax.Array:
    return jnp.sum(x * x, axes, keepdims=axes is not None)


def widened(sums: Squares, dtype: jax.typing.DTypeLike) -> Squares:
    """Return the sums in the units of a wider dtype, in which all are in the middle."""
    if sums.middle.dtype == dtype:
        return sums
    total, unit = _total(sums)
    middle = total.astype(dtype) * unit.astype(dtype) ** 2
    return Squares(jnp.zeros_like(middle), middle, jnp.zeros_like(middle))


def _total(sums: Squares) -> tuple[jax.Array, jax.Array]:
    """Return the sum that is right, and its unit."""
    small, middle, large = sums
    units = Units.of(middle.dtype)
    low, high = middle < units.small_end, middle >= units.large_end
    total = jnp.where(high, large, jnp.where(low, small, middle))
    unit = jnp.where(high, units.large, jnp.where(low, units.small, 1.0))
    return total, unit.astype(total.dtype)


@partial(jax.jit, static_argnums=1)
def norm_of_squares(sums: Squares, number: int = 1) -> tuple[jax.Array, jax.Array]:
    """Return the root of the sum over `number` as a pair; see `scaled_norm`.

    The first is a constant for derivatives, because the derivative of a division by a
    unit of 1e-20 divides by its square, which underflows.
    """
    total, by = _total(sums)
    # Otherwise the derivative of sqrt at 0 is infinite.
    root = jnp.sqrt(jnp.where(total == 0, 1, total / number))
    fixed = jax.lax.stop_gradient(root)
    bound = largest_invertible(root.dtype)
    whole, infinite = fixed * by, jnp.isinf(fixed)
    unit = jnp.where(infinite, fixed, jnp.minimum(whole, bound))
    # Not a quotient of quotients: XLA rewrites a/(b/c) as a·c/b, and a·c overflows.
    over = (whole > bound) & ~infinite
    rest = jnp.where(over, root * (by / bound), root / fixed)
    return jnp.where(total == 0, 0, unit), rest


def joined_norm(
    small: jax.Array, middle: jax.Array, large: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the norm of several arrays as a pair; see `scaled_norm`.

    Args:
        small: of the `Squares` of some arrays, along the first axis.
        middle: the same.
        large: the same.

    Returns:
        Two real arrays, of one axis less.

    Example:
        >>> import jax.numpy as jnp
        >>> sums = [squares_of(jnp.array([x])) for x in (3e30, 0.0, 4e30)]
        >>> unit, rest = joined_norm(*map(jnp.stack, zip(*sums)))
        >>> round(float(unit * rest) / 1e30, 5)
        5.0
    """
    return norm_of_squares(Squares(*(jnp.sum(x, 0) for x in (small, middle, large))))


def total_norm(small: jax.Array, middle: jax.Array, large: jax.Array) -> jax.Array:
    """Return the norm of several arrays as one number: ∞ if it overflows.

    It is NaN if a number is NaN or ∞.
    """
    unit, rest = joined_norm(small, middle, large)
    return unit * rest


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
    unit, rest = norm
    share = bound / rest
    fits = unit <= share
    return jnp.where(fits, 1, unit), jnp.where(fits, 1, share)


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
    return norm_of_squares(_sums(x), max(x.size, 1))


Axes: TypeAlias = tuple[int, ...] | None


def largest_of(x: jax.Array, axes: Axes = None) -> jax.Array:
    """Return the largest |x|, of complex numbers that of their parts; 0 of none."""

    def along(part: jax.Array) -> jax.Array:
        kept = axes is not None
        return jnp.max(jnp.abs(part), axes, keepdims=kept, initial=0)

    if jnp.iscomplexobj(x):
        return jnp.maximum(along(x.real), along(x.imag))
    return along(x)


def stacked(rows: list[tuple[jax.Array, ...]]) -> list[jax.Array]:
    """Return each of the columns as one array, in the widest dtype."""
    dtype = common_dtype(*(x.dtype for row in rows for x in row))
    columns = zip(*rows, strict=True)
    return [jnp.stack([x.astype(dtype) for x in column]) for column in columns]
