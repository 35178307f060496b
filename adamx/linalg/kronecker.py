"""Kronecker factors: averages of G·Gᴴ and of Gᴴ·G, and products along both sides.

The second moment of all numbers of an m×n matrix G is mn×mn; L ⊗ R with L of G·Gᴴ and R
of Gᴴ·G is what one keeps of it. Matrices are the last two axes, others count them.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import largest_squarable
from adamx.types import Array

Sides: TypeAlias = Mapping[str, Array]
"""A square matrix for the rows, "left", and one for the columns, "right", if they have
one each."""

AXES = {"left": -2, "right": -1}


def sides(
    x: Array | jax.ShapeDtypeStruct, largest: int, make: Callable[[int], Array]
) -> Sides | None:
    """Return `make` of the length of each side; None for sides above `largest`.

    None for what has no sides, being no matrix, empty, or too large on both.
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
    """Return how long the blocks of both sides are: as few as can be, of equal lengths.

    A side that is longer than `largest` is one block: it is to have no factor.
    """

    def length(n: int) -> int:
        many = -(-n // block_size)
        return -(-n // many) if 0 < n <= largest else n

    return length(shape[-2]), length(shape[-1])


def in_blocks(x: Array, lengths: tuple[int, int]) -> Array:
    """Return matrices as (…, block row, block column, row, column), zero-padded.

    No operation where a block is all of a matrix.
    """
    (m, n), (r, c), front = x.shape[-2:], lengths, x.shape[:-2]
    if (m, n) == (r, c):
        return x
    down, across = -(-m // r), -(-n // c)
    fill = ((0, down * r - m), (0, across * c - n))
    x = jnp.pad(x, (*[(0, 0)] * len(front), *fill))
    return jnp.swapaxes(x.reshape(*front, down, r, across, c), -3, -2)


def out_of_blocks(x: Array, shape: tuple[int, ...]) -> Array:
    """Return the array of `shape` that `in_blocks` has cut."""
    if x.shape == shape:
        return x
    down, across, r, c = x.shape[-4:]
    x = jnp.swapaxes(x, -3, -2).reshape(*shape[:-2], down * r, across * c)
    return x[..., : shape[-2], : shape[-1]]


def squares(g: Array, like: Sides) -> Sides:
    """Return G·Gᴴ and Gᴴ·G, of the sides that there are."""
    make = {"left": lambda: g @ g.mT.conj(), "right": lambda: g.mT.conj() @ g}
    return {side: make[side]() for side in like}


def along(x: Array, left: Array | None, right: Array | None) -> Array:
    """Return left·X·right, of the sides that there are."""
    x = x if left is None else left @ x
    return x if right is None else x @ right


def into(basis: Sides, x: Array) -> Array:
    """Return Q_Lᴴ·X·Q_R, which is X in a basis."""
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
    """Return X in a basis, with numbers of the size of rounding errors set to zero.

    That is eight units in the last place of the largest number; also of those of `of`,
    what X was before, where a basis does not span the whole of it.
    """
    size = jnp.abs(x)
    top = jnp.max(size, (-2, -1), keepdims=True)
    if of is not None:
        top = jnp.maximum(top, jnp.max(jnp.abs(of), (-2, -1), keepdims=True))
    return jnp.where(size <= 8 * float(jnp.finfo(x.dtype).eps) * top, 0, x)
