"""Companding codecs to 8 bits: a softsign, or a square root, and then rounding."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import safe_sqrt
from adamx.storage.blocks import (
    Blocks,
    bounded,
    join,
    largest,
    relative,
    rescaled,
    split,
)
from adamx.storage.codec import BlockCodec, Codec, checked_block
from adamx.types import Array


class Softsign8(BlockCodec):
    name: ClassVar[str] = "int8"

    block: int = 32

    def encode(self, x: Array, key: Array | None = None) -> Blocks:
        blocks, scales = _scaled(bounded(x), self.block)
        spread = 2 * blocks / (1 + jnp.abs(blocks))
        codes = jnp.round(127 * jnp.clip(spread, -1, 1)).astype(jnp.int8)
        return Blocks(join(codes, x.shape), scales)

    def decode(self, encoded: Blocks, shape: tuple[int, ...]) -> Array:
        spread = split(encoded.codes, self.block).astype(jnp.float32) / 127
        share = spread / (2 - jnp.abs(spread))
        return rescaled(share, _long(encoded.scales), shape)

    def nonnegative(self) -> Codec:
        return Root8(self.block)


class Root8(BlockCodec):
    name: ClassVar[str] = "uint8_root"
    signed: ClassVar[bool] = False

    block: int = 32

    def encode(self, x: Array, key: Array | None = None) -> Blocks:
        roots = safe_sqrt(jnp.maximum(bounded(x), 0))
        blocks, scales = _scaled(roots, self.block)
        codes = jnp.round(255 * jnp.clip(blocks, 0, 1)).astype(jnp.uint8)
        return Blocks(join(codes, x.shape), scales)

    def decode(self, encoded: Blocks, shape: tuple[int, ...]) -> Array:
        codes = split(encoded.codes, self.block).astype(jnp.float32)
        # Code 0 encodes 0 to ½ and is decoded as ¼, so that no denominator is 0.
        root = jnp.maximum(codes, 0.25) / 255 * _long(encoded.scales)[..., None]
        return join(root * root, shape)


def _scaled(x: Array, size: int) -> tuple[Array, Array]:
    """Return the blocks divided by their rounded scales, and the scales in 16 bits."""
    # Scales are rounded first, so that encode and decode use the same ones.
    blocks = split(x, size)
    scales = _short(largest(blocks))
    return relative(blocks, _long(scales)), scales


def _short(scales: Array) -> Array:
    """Return scales ≥ 0 in 16 bits: the exponent of float32, 8 bits of mantissa."""
    bits = jax.lax.bitcast_convert_type(scales, jnp.uint32)
    return (bits + 2**14 >> 15).astype(jnp.uint16)


def _long(scales: Array) -> Array:
    bits = scales.astype(jnp.uint32) << 15
    return jax.lax.bitcast_convert_type(bits, jnp.float32)


def int8(*, block: int = 32) -> Codec:
    """Encode numbers in 8 bits each, after a softsign, which is finer towards zero.

    c = round(127 · 2y/(1+|y|)), y = x/s, s = max|x| of each block

    The distance between neighbouring codes is half of the average at zero, and twice
    the average at ±s. For moments that are never negative it becomes `uint8_root`.

    Args:
        block: how many numbers share a scale.

    Returns:
        A codec for `stored`. It keeps `codes`, int8, an array of the same shape, and
        `scales`, uint16, one for each block: 1 + 2/32 bytes a number. A scale is a
        float32 without its sign, to 9 bits, because the range of float16 contains
        neither 1e-10 nor 1e6.

    Reference:
        Dettmers et al., 2021, arXiv:2110.02861, for scales of small groups; ITU-T
        G.711, for companding.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.int8()
        >>> x = jnp.array([1.0, -0.3, 0.001, 0.0])
        >>> codec.encode(x).codes.tolist()
        [127, -59, 0, 0]
    """
    return Softsign8(checked_block("int8", block))


def uint8_root(*, block: int = 32) -> Codec:
    """Encode the square roots of numbers ≥ 0 in 8 bits each.

    c = round(255 · √x/s), s = max √x of each block

    Use it for second moments, because updates are divided by their roots. Code 0 is
    decoded as ¼, the middle of the roots that it encodes, so that a nonzero first
    moment is never divided by 0. Negative numbers become 0.

    See `int8` for the other arguments.

    Returns:
        A codec for `stored`, of 1 + 2/32 bytes a number; see `int8`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> codec = adamx.uint8_root()
        >>> codec.encode(jnp.array([1.0, 0.01, 0.0001])).codes.tolist()
        [255, 26, 3]
    """
    return Root8(checked_block("uint8_root", block))
