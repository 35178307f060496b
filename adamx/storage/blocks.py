"""Arrays in blocks of numbers that share a scale."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from adamx.types import Array

TOP = 2.0**126
"""The bound to which ∞ and large numbers are clipped; 1/2¹²⁶ is the least normal."""


class Blocks(NamedTuple):
    """An encoded array: a code for each number, and a scale for each block."""

    codes: Array
    scales: Array


def split(x: Array, size: int) -> Array:
    """Return `x` with a last axis of `size`, in the order of memory, zero-padded.

    If the last axis of `x` is a multiple of `size`, the other axes stay as they are,
    and so does the sharding along them.
    """
    if x.ndim and x.shape[-1] % size == 0:
        return x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
    flat = x.reshape(-1)
    return jnp.pad(flat, (0, -flat.size % size)).reshape(-1, size)


def join(blocks: Array, shape: tuple[int, ...]) -> Array:
    """Return the array of this shape that `split` made `blocks` of."""
    if blocks.shape[:-2] == shape[:-1] and _end(blocks) == shape[-1:]:
        return blocks.reshape(shape)
    return blocks.reshape(-1)[: math.prod(shape)].reshape(shape)


def _end(blocks: Array) -> tuple[int, ...]:
    return (blocks.shape[-2] * blocks.shape[-1],)


def rescaled(blocks: Array, scales: Array, shape: tuple[int, ...]) -> Array:
    """Return `blocks` times their scales, as an array of this shape."""
    return join(blocks * scales[..., None], shape)


def bounded(x: Array) -> Array:
    """Clip `x` to numbers that can be encoded; NaN stays NaN."""
    return jnp.clip(x, -TOP, TOP)


def largest(blocks: Array) -> Array:
    """Return the largest |x| of each block; NaN if the block contains one."""
    return jnp.max(jnp.abs(blocks), axis=-1)


def relative(blocks: Array, scales: Array) -> Array:
    """Return `blocks` divided by their scales; zero stays zero."""
    # One divisor for each number, because XLA multiplies by the inverse of a shared
    # one.
    return blocks / jnp.where(blocks == 0, 1, scales[..., None])
