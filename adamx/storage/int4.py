"""Codecs to 4 bits, with two codes in a byte."""

import functools
import math
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from adamx.storage.blocks import Blocks, join, relative, rescaled, split
from adamx.storage.codebook import Book, dynamic_map, looked_up
from adamx.storage.codec import BlockCodec, Codec, checked_block
from adamx.types import Array


@functools.cache
def book(signed: bool) -> Book:
    """Return the codebook of 16 numbers in [-1, 1], or of sixteenths in (0, 1]."""
    if signed:
        return Book.of(dynamic_map(True, exponent_bits=3, bits=4))
    return Book.of(np.arange(1, 17, dtype=np.float32) / np.float32(16))


class Int4(BlockCodec):
    name: ClassVar[str] = "int4"

    block: int = 128

    def encode(self, x: Array, key: Array | None = None) -> Blocks:
        blocks, scales = self.blocks(x)
        codes = book(self.signed).nearest_of_few(relative(blocks, scales))
        # An unused half byte gets the code nearest to zero.
        zero = int(np.argmin(np.abs(book(self.signed).entries)))
        return Blocks(_packed(join(codes, x.shape), zero), scales)

    def decode(self, encoded: Blocks, shape: tuple[int, ...]) -> Array:
        codes = split(_unpacked(encoded.codes, shape), self.block)
        blocks = looked_up(codes, book(self.signed).entries)
        return rescaled(blocks, encoded.scales, shape)

    def nonnegative(self) -> Codec:
        return UInt4(self.block)


class UInt4(Int4):
    name: ClassVar[str] = "uint4"
    signed: ClassVar[bool] = False


def _packed(codes: Array, zero: int) -> Array:
    """Pack two codes into a byte, the first into its upper half."""
    if not codes.ndim or codes.shape[-1] % 2:
        codes = codes.reshape(-1)
        codes = jnp.pad(codes, (0, codes.size % 2), constant_values=zero)
    return codes[..., ::2] << 4 | codes[..., 1::2]


def _unpacked(packed: Array, shape: tuple[int, ...]) -> Array:
    pairs = jnp.stack([packed >> 4, packed & 15], axis=-1)
    return pairs.reshape(-1)[: math.prod(shape)].reshape(shape)


def int4(*, block: int = 128) -> Codec:
    """Encode numbers as the nearest of 16 entries of a map, finer towards zero.

    c = argminᵢ |x/s − mapᵢ|, s = max|x| of each block

    For moments that are never negative it becomes `uint4`.

    Args:
        block: how many numbers share a scale; even.

    Returns:
        A codec for `stored`. It keeps `codes`, uint8, with a last axis half as long (or
        a vector, if that axis is odd), and `scales`, float32, one for each block:
        1/2 + 4/128 bytes a number.

    Reference:
        Li et al., "Memory Efficient Optimizers with 4-bit States", 2023,
        arXiv:2309.01507; the maps are those of torchao 0.18.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.int4()
        >>> x = jnp.array([1.0, -0.4, 0.01, 0.0])
        >>> codec.encode(x).codes.tolist()
        [242, 135]
        >>> codec.decode(codec.encode(x), x.shape)[:2].tolist()
        [1.0, -0.4375]
    """
    return Int4(checked_block("int4", block, 2))


def uint4(*, block: int = 128) -> Codec:
    """Encode numbers ≥ 0 as the nearest sixteenth of the largest of their block.

    c = argminᵢ |x/s − i/16|, i from 1 to 16, s = max x of each block

    The map has no zero, because dividing a nonzero first moment by the root of 0 would
    make an unbounded step.

    See `int4` for the other arguments.

    Returns:
        A codec for `stored`, of 1/2 + 4/128 bytes a number.

    Reference:
        Li et al., "Memory Efficient Optimizers with 4-bit States", 2023,
        arXiv:2309.01507, section 4.1, the zero-point problem.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.uint4()
        >>> x = jnp.array([1.0, 0.3, 0.01, 0.0])
        >>> codec.decode(codec.encode(x), x.shape).tolist()
        [1.0, 0.3125, 0.0625, 0.0625]
    """
    return UInt4(checked_block("uint4", block, 2))
