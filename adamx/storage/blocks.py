"""Arrays split into blocks of numbers that share a scale."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from adamx.types import Array

TOP = 2.0**126
"""The largest number to encode; its inverse is the smallest normal float32."""


class Blocks(NamedTuple):
    """An encoded array: a code for each number, and a scale for each block."""

    codes: Array
    scales: Array


def split(x: Array, size: int) -> Array:
    """Return `x` in row-major order with a last axis of `size`, zero-padded.

    If the last axis of `x` is a multiple of `size`, the other axes and their shardings
    are unchanged.
    """
    if x.ndim and x.shape[-1] % size == 0:
        return x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
    flat = x.reshape(-1)
    return jnp.pad(flat, (0, -flat.size % size)).reshape(-1, size)


def join(blocks: Array, shape: tuple[int, ...]) -> Array:
    """Return the array of this shape that `split` cut into `blocks`."""
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
    # Each number has its own divisor, because XLA would replace the division by a
    # shared one with a product with its inverse, which rounds differently.
    return blocks / jnp.where(blocks == 0, 1, scales[..., None])
