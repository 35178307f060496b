"""The codec of bitsandbytes: the nearest of 256 numbers, finer towards zero."""

import functools
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from adamx.storage.blocks import Blocks, join, rescaled, split
from adamx.storage.codebook import Book, dynamic_map, looked_up
from adamx.storage.codec import BlockCodec, Codec, checked_block
from adamx.types import Array


@functools.cache
def book(signed: bool) -> Book:
    """Return the codebook of 256 numbers in [-1, 1], or in [0, 1]."""
    return Book.of(dynamic_map(signed, exponent_bits=7, bits=8))


class Dynamic8(BlockCodec):
    name: ClassVar[str] = "int8_dynamic"

    block: int = 256

    def encode(self, x: Array, key: Array | None = None) -> Blocks:
        blocks, scales = self.blocks(x)
        # A product with the inverse, because a division may round the last bit
        # differently, and that bit can decide which code is nearest.
        inverse = 1 / jnp.maximum(scales, np.float32(2.0**-126))
        share = jnp.clip(blocks * inverse[..., None], -1, 1)
        codes = book(self.signed).nearest(share)
        return Blocks(join(codes, x.shape), scales)

    def decode(self, encoded: Blocks, shape: tuple[int, ...]) -> Array:
        codes = split(encoded.codes, self.block)
        blocks = looked_up(codes, book(self.signed).entries)
        return rescaled(blocks, encoded.scales, shape)

    def nonnegative(self) -> Codec:
        return UnsignedDynamic8(self.block)


class UnsignedDynamic8(Dynamic8):
    name: ClassVar[str] = "uint8_dynamic"
    signed: ClassVar[bool] = False


def int8_dynamic(*, block: int = 256) -> Codec:
    """Encode numbers as the nearest of 256 entries of a map, finer towards zero.

    c = argminᵢ |x/s − mapᵢ|, s = max|x| of each block

    The map is that of the 8-bit optimizers of bitsandbytes. It has seven decades: the
    largest has 64 entries of either sign, each smaller decade half as many as the one
    above. For moments that are never negative it becomes `uint8_dynamic`.

    Args:
        block: how many numbers share a scale.

    Returns:
        A codec for `stored`. It keeps `codes`, uint8, an array of the same shape, and
        `scales`, float32, one for each block: 1 + 4/256 bytes a number.

    Reference:
        Dettmers et al., "8-bit Optimizers via Block-wise Quantization", 2021,
        arXiv:2110.02861.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.int8_dynamic()
        >>> x = jnp.array([1.0, -0.3, 1e-4, 0.0])
        >>> codec.encode(x).codes.tolist()
        [255, 49, 134, 127]
    """
    return Dynamic8(checked_block("int8_dynamic", block))


def uint8_dynamic(*, block: int = 256) -> Codec:
    """Encode numbers ≥ 0 as the nearest of 256 entries; see `int8_dynamic`.

    Negative numbers become 0. See `int8_dynamic` for the other arguments.

    Returns:
        A codec for `stored`, of 1 + 4/256 bytes a number.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.uint8_dynamic()
        >>> codec.encode(jnp.array([1.0, 0.3, 1e-4, 0.0])).codes.tolist()
        [255, 155, 14, 0]
    """
    return UnsignedDynamic8(checked_block("uint8_dynamic", block))
