"""Codebooks: sorted numbers, with the index of the nearest one as the code."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adamx.types import Array


class Book(NamedTuple):
    """A sorted codebook in [-1, 1], with tables for finding the nearest entry."""

    entries: np.ndarray
    middles: np.ndarray
    """The midpoints between neighbouring entries, and ∞ at the end."""
    starts: np.ndarray
    """The number of midpoints below each bucket."""
    rounds: int
    """The largest number of midpoints in one bucket."""

    @staticmethod
    def of(entries: np.ndarray) -> "Book":
        """Return the book with these entries, which are sorted float32 numbers."""
        between = (entries[:-1] + entries[1:]) / np.float32(2)
        edges = (np.arange(BUCKETS + 1) + FIRST << SHIFT).astype(np.int32)
        low, high = edges[:-1].view(np.float32), (edges[1:] - 1).view(np.float32)
        low = np.where(np.arange(BUCKETS) == 0, np.float32(0), low)
        # A negative bucket begins at its number of the largest absolute value.
        begin, end = np.concatenate([low, -high]), np.concatenate([high, -low])
        starts, ends = np.searchsorted(between, begin), np.searchsorted(between, end)
        middles = np.append(between, np.float32(np.inf))
        return Book(
            entries, middles, starts.astype(np.uint8), int((ends - starts).max())
        )

    def nearest(self, x: Array) -> Array:
        """Return the index of the entry nearest to each `x`; in a tie, the lower.

        The leading bits of a number select its bucket, which contains few midpoints to
        compare with. A binary search would take one comparison for each bit of a code.
        """
        bits = jax.lax.bitcast_convert_type(jnp.abs(x), jnp.int32)
        bucket = jnp.clip((bits >> SHIFT) - FIRST, 0, BUCKETS - 1)
        bucket = jnp.where(x < 0, bucket + BUCKETS, bucket)
        found = looked_up(bucket, self.starts).astype(jnp.int32)
        for _ in range(self.rounds):
            above = looked_up(found, self.middles) < x
            found = found + above.astype(jnp.int32)
        return found.astype(jnp.uint8)

    def nearest_of_few(self, x: Array) -> Array:
        """Return the index of the entry nearest to each `x`; in a tie, the upper."""
        middles = jnp.expand_dims(self.middles, tuple(range(x.ndim)))
        above = x[..., None] >= middles
        return jnp.sum(above, axis=-1).astype(jnp.uint8)


SHIFT = 16
"""The number of low bits of a float32 that a bucket ignores, so 7 mantissa bits are
left."""

FIRST = (127 - 23) << 23 - SHIFT
"""The first bucket, of all numbers below 2⁻²³."""

BUCKETS = (127 << 23 - SHIFT) - FIRST + 1


def looked_up(codes: Array, book: np.ndarray) -> Array:
    """Return the entries of `book` at these indices."""
    return jnp.asarray(book).at[codes].get(mode="promise_in_bounds")


def dynamic_map(signed: bool, exponent_bits: int, bits: int) -> np.ndarray:
    """Return a sorted codebook of floats in [-1, 1] or [0, 1], finer towards zero.

    Each decade 10^-k, k < exponent_bits, is divided into twice as many equal parts as
    the next smaller decade. The entries are the midpoints of the parts, 0 and 1. With
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
    """Return equal steps in float32, computed from both ends as in PyTorch."""
    low, high = np.float32(start), np.float32(stop)
    step = np.float64((high - low) / np.float32(number - 1))
    i = np.arange(number)
    ends = low + step * i, high - step * (number - 1 - i)
    return np.where(i < number // 2, *ends).astype(np.float32)
