"""The codec to 8-bit floats, e4m3, with a scale for each block."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from adamx.storage.blocks import Blocks, join, relative, rescaled, split
from adamx.storage.codec import BlockCodec, Codec, checked_block
from adamx.types import Array

LARGEST = np.float32(448)
"""The largest finite number of e4m3."""


class Float8(BlockCodec):
    name: ClassVar[str] = "float8"

    block: int = 256

    def encode(self, x: Array, key: Array | None = None) -> Blocks:
        blocks, scales = self.blocks(x)
        # The divisor is traced, because XLA would replace the division by a constant
        # with a product with 1/448, which rounds differently.
        scales = scales / jnp.where(scales > 0, LARGEST, 1)
        codes = relative(blocks, scales).astype(jnp.float8_e4m3fn)
        bits = jax.lax.bitcast_convert_type(codes, jnp.uint8)
        return Blocks(join(bits, x.shape), scales)

    def decode(self, encoded: Blocks, shape: tuple[int, ...]) -> Array:
        bits = split(encoded.codes, self.block)
        codes = jax.lax.bitcast_convert_type(bits, jnp.float8_e4m3fn)
        return rescaled(codes.astype(jnp.float32), encoded.scales, shape)


def float8(*, block: int = 256) -> Codec:
    """Encode numbers as 8-bit floats (e4m3: 4 bits of exponent, 3 of mantissa).

    c = float8(x / s), s = max|x| / 448 of each block

    Args:
        block: how many numbers share a scale.

    Returns:
        A codec for `stored`. It keeps `codes`, the bits as uint8, an array of the same
        shape, and `scales`, float32, one for each block: 1 + 4/256 bytes a number.

    Reference:
        Micikevicius et al., "FP8 Formats for Deep Learning", 2022, arXiv:2209.05433;
        the scales are those of torchao 0.18.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.float8()
        >>> x = jnp.array([1.0, -0.3, 0.0])
        >>> codec.decode(codec.encode(x), x.shape).round(2).tolist()
        [1.0, -0.28999999165534973, 0.0]
    """
    return Float8(checked_block("float8", block))
