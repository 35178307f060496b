"""A second moment shared by each block of a leaf."""

from typing import TypeAlias

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult

Blocks: TypeAlias = int | tuple[int | tuple[int, int], ...]
"""The axes that are split into blocks: along an axis each index is a block, along
(axis, n) each of n equal parts. () is one block for the leaf. Axes that a leaf does not
have are ignored."""


class BlockMoment(Rule):
    """Keep all axes of the leaf, some with size 1, so that its sharding applies."""

    locality = "leaf"

    decay: Hyper
    blocks: Blocks

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.zeros_like(self._mean(param.real))}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        mean = self._mean(abs_sq(clip_to_squarable(g)))
        nu = moving_average(slots["nu"], mean, self.decay)
        # g is an operand, so that XLA gives v the sharding of g.
        v = jnp.where(jnp.isnan(g.real), g.real, self._spread(nu, g.shape))
        return v, {"nu": nu}

    def _mean(self, x: Array) -> Array:
        counts = self._counts(x.shape)
        parts = [size // n for size, n in zip(x.shape, counts, strict=True)]
        total = 1
        for part in parts:
            total *= max(part, 1)
        # Divided before the sum, because the sum of squares could overflow.
        x = x / total
        if not _uneven(x.shape, counts):
            axes = tuple(i for i, n in enumerate(counts) if n == 1)
            return jnp.sum(x, axes, keepdims=True)
        pairs = [size for pair in zip(counts, parts, strict=True) for size in pair]
        return jnp.sum(x.reshape(pairs), tuple(range(1, len(pairs), 2)))

    def _spread(self, nu: Array, shape: tuple[int, ...]) -> Array:
        for axis, (size, n) in enumerate(zip(shape, nu.shape, strict=True)):
            if n not in (1, size):
                nu = jnp.repeat(nu, size // n, axis, total_repeat_length=size)
        return jnp.broadcast_to(nu, shape)

    def _counts(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of blocks along each axis."""
        counts = [1] * len(shape)
        blocks = (self.blocks,) if isinstance(self.blocks, int) else self.blocks
        for entry in blocks:
            axis, n = entry if isinstance(entry, tuple) else (entry, None)
            if -len(shape) <= axis < len(shape):
                counts[axis] = shape[axis] if n is None else n
                if counts[axis] and shape[axis] % counts[axis]:
                    raise TransformError(
                        "an axis does not divide into blocks",
                        piece="block_moment",
                        expected=f"axis {axis} in {n} equal parts",
                        got=f"shape {shape}",
                    )
        return tuple(n or 1 for n in counts)


def _uneven(shape: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    return any(n not in (1, size) for size, n in zip(shape, counts, strict=True))


@transform
def block_moment(decay: Decay = 0.999, blocks: Blocks = -1) -> BlockMoment:
    """Emit the moving average of the mean of |g|² in each block: a statistic.

    ν ← b·ν + (1−b)·(mean of |g|² over the block)
    u = ν, for each number of the block

    `adam_mini` divides by its root.

    Args:
        decay: b in [0, 1).
        blocks: the axes that are split into blocks. With -1 each index of the last axis
            is a block, with 0 each index of the first; with () the leaf is one block;
            with (0, 1) each number of a matrix is one. A pair sets the number of equal
            parts: ((-1, 8),) splits the last axis into 8 blocks, such as attention
            heads. Axes that a leaf does not have are ignored.

    Returns:
        A transform that keeps `nu`, whose shape is the number of blocks along each
        axis.

    Raises:
        TransformError: in use, an axis is not divisible into its blocks.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.block_moment(0.0)
        >>> g = jnp.array([[1.0, 3.0], [7.0, 9.0]])
        >>> tx.update(g, tx.init(g))[0].tolist()
        [[25.0, 45.0], [25.0, 45.0]]
    """
    return BlockMoment(decay, blocks)
