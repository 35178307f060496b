"""Kronecker factors: averages of G·Gᴴ and of Gᴴ·G, and products along both sides.

The second moment of all numbers of an m×n matrix G is an mn×mn matrix, approximated by
L ⊗ R, with L from G·Gᴴ and R from Gᴴ·G. Matrices are the last two axes; the axes before
them are batch axes.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import largest_squarable
from adamx.types import Array

Sides: TypeAlias = Mapping[str, Array]
"""The factor of the rows, "left", and of the columns, "right"; either may be missing.
Factors are square matrices."""

AXES = {"left": -2, "right": -1}


def sides(
    x: Array | jax.ShapeDtypeStruct, largest: int, make: Callable[[int], Array]
) -> Sides | None:
    """Return `make(length)` for each side of a length up to `largest`.

    Return None for vectors, empty matrices, and if both sides are longer.
    """
    if x.ndim < 2 or not x.size:
        return None
    lengths = {side: x.shape[axis] for side, axis in AXES.items()}
    many = x.shape[:-2]
    found = {
        side: jnp.broadcast_to(make(n), (*many, n, n))
        for side, n in lengths.items()
        if n <= largest
    }
    return found or None


def block_lengths(
    shape: tuple[int, ...], block_size: int, largest: int
) -> tuple[int, int]:
    """Return the block lengths of both sides: the fewest blocks of equal length.

    A side longer than `largest` is one block, because it has no factor.
    """

    def length(n: int) -> int:
        many = -(-n // block_size)
        return -(-n // many) if 0 < n <= largest else n

    return length(shape[-2]), length(shape[-1])


def in_blocks(x: Array, lengths: tuple[int, int]) -> Array:
    """Return matrices as (…, block row, block column, row, column), zero-padded.

    A matrix of one block is returned unchanged.
    """
    (m, n), (r, c), front = x.shape[-2:], lengths, x.shape[:-2]
    if (m, n) == (r, c):
        return x
    down, across = -(-m // r), -(-n // c)
    fill = ((0, down * r - m), (0, across * c - n))
    x = jnp.pad(x, (*[(0, 0)] * len(front), *fill))
    return jnp.swapaxes(x.reshape(*front, down, r, across, c), -3, -2)


def out_of_blocks(x: Array, shape: tuple[int, ...]) -> Array:
    """Return the array of `shape` that `in_blocks` cut."""
    if x.shape == shape:
        return x
    down, across, r, c = x.shape[-4:]
    x = jnp.swapaxes(x, -3, -2).reshape(*shape[:-2], down * r, across * c)
    return x[..., : shape[-2], : shape[-1]]


def squares(g: Array, like: Sides) -> Sides:
    """Return G·Gᴴ and Gᴴ·G, for the sides that have a factor."""
    make = {"left": lambda: g @ g.mT.conj(), "right": lambda: g.mT.conj() @ g}
    return {side: make[side]() for side in like}


def along(x: Array, left: Array | None, right: Array | None) -> Array:
    """Return left·X·right; a factor of None counts as the identity."""
    x = x if left is None else left @ x
    return x if right is None else x @ right


def into(basis: Sides, x: Array) -> Array:
    """Return Q_Lᴴ·X·Q_R: X in the basis."""
    left = basis.get("left")
    return along(x, None if left is None else left.mT.conj(), basis.get("right"))


def out_of(basis: Sides, x: Array) -> Array:
    """Return Q_L·X·Q_Rᴴ, the inverse of `into`."""
    right = basis.get("right")
    return along(x, basis.get("left"), None if right is None else right.mT.conj())


def squarable_matrix(g: Array) -> Array:
    """Scale G down so that its squares do not overflow; keep its direction."""
    top = jnp.max(jnp.abs(g), (-2, -1), keepdims=True, initial=0)
    bound = largest_squarable(g.dtype)
    return jnp.where(top > bound, g * (bound / jnp.where(top > bound, top, 1)), g)


def without_rounding(x: Array, of: Array | None = None) -> Array:
    """Set numbers of X that are as small as rounding errors to zero.

    The bound is 8·ε times the largest number in X, a matrix in another basis. `of` is
    the matrix in the old basis; its largest number counts too, because the new basis
    may span only a part of it.
    """
    size = jnp.abs(x)
    top = jnp.max(size, (-2, -1), keepdims=True)
    if of is not None:
        top = jnp.maximum(top, jnp.max(jnp.abs(of), (-2, -1), keepdims=True))
    return jnp.where(size <= 8 * float(jnp.finfo(x.dtype).eps) * top, 0, x)
