"""Arrays in blocks of numbers that share a scale."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.types import Array

TOP = 2.0**126
"""What larger numbers, ∞ among them, count as: 1/2¹²⁶ is the least that is normal."""


class Blocks(NamedTuple):
    """An encoded array: a code for each number, and a scale for each block."""

    codes: Array
    scales: Array


def split(x: Array, size: int) -> Array:
    """`x` with a last axis of `size`, in the order of memory, filled up with zeros.

    Where the last axis of `x` is a multiple of `size` the others stay as they are, so
    that what is split over devices along them stays where it is.
    """
    if x.ndim and x.shape[-1] % size == 0:
        return x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
    flat = x.reshape(-1)
    return jnp.pad(flat, (0, -flat.size % size)).reshape(-1, size)


def join(blocks: Array, shape: tuple[int, ...]) -> Array:
    """The array of this shape that `split` made `blocks` of."""
    if blocks.shape[:-2] == shape[:-1] and _end(blocks) == shape[-1:]:
        return blocks.reshape(shape)
    return blocks.reshape(-1)[: math.prod(shape)].reshape(shape)


def _end(blocks: Array) -> tuple[int, ...]:
    return (blocks.shape[-2] * blocks.shape[-1],)


def bounded(x: Array) -> Array:
    """`x` with ∞ as the largest number there is to encode; NaN stays NaN."""
    return jnp.clip(x, -TOP, TOP)


def largest(blocks: Array) -> Array:
    """The largest |x| of each block; NaN where there is one in it."""
    return jnp.max(jnp.abs(blocks), axis=-1)


def relative(blocks: Array, scales: Array) -> Array:
    """`blocks` divided by their scales; zeros where those are zero."""
    # A divisor for each number: XLA multiplies by the inverse of one that is shared.
    return blocks / jnp.where(blocks == 0, 1, scales[..., None])


def nearest(x: Array, book: np.ndarray, *, up: bool = False) -> Array:
    """The number of the entry of a sorted `book` that is nearest to each `x`.

    In the middle between two it is the lower one, or the upper one with `up`.
    """
    middles = (book[:-1] + book[1:]) / np.float32(2)
    side = "right" if up else "left"
    # Few comparisons are done at once; more are halved, as in a search by hand.
    method = "compare_all" if len(book) <= 16 else "scan_unrolled"
    found = jnp.searchsorted(jnp.asarray(middles), x, side=side, method=method)
    return found.astype(jnp.uint8)


def looked_up(codes: Array, book: np.ndarray) -> Array:
    """The entries of `book` with these numbers."""
    return jnp.asarray(book).at[codes].get(mode="promise_in_bounds")


def dynamic_map(signed: bool, exponent_bits: int, bits: int) -> np.ndarray:
    """A sorted codebook of floats in [-1, 1] or [0, 1], finer towards zero.

    Each decade 10^-k, k < exponent_bits, is cut into twice as many equal parts as the
    next smaller one, and their middles are the entries; 0 and 1 are added. With
    `bits` = 8 there are 256 entries.

    Reference:
        Dettmers, "8-Bit Approximations for Parallelism in Deep Learning", 2015,
        arXiv:1511.04561; Dettmers et al., "8-bit Optimizers via Block-wise
        Quantization", 2021, arXiv:2110.02861.
    """
    entries = [0.0, 1.0]
    for i in range(exponent_bits):
        power = i + bits - 1 - exponent_bits + (not signed)
        edges = _linspace(0.1, 1.0, 2**power + 1)
        middles = (edges[:-1] + edges[1:]) / np.float32(2)
        decade = np.float32(10.0 ** (i + 1 - exponent_bits)) * middles
        entries += [*decade.tolist(), *(-decade if signed else decade[:0]).tolist()]
    return np.sort(np.array(entries, np.float32))


def _linspace(start: float, stop: float, number: int) -> np.ndarray:
    """Equal steps in float32, from both ends to the middle, as PyTorch takes them."""
    low, high = np.float32(start), np.float32(stop)
    step = np.float64((high - low) / np.float32(number - 1))
    i = np.arange(number)
    ends = low + step * i, high - step * (number - 1 - i)
    return np.where(i < number // 2, *ends).astype(np.float32)


def parts(encoded: Any) -> list[Array]:
    """The arrays that something encoded is made of."""
    return jax.tree.leaves(encoded)
