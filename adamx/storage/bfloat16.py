"""Numbers as bfloat16: 8 bits of precision, all of the range, no scales."""

from typing import ClassVar

import jax.numpy as jnp

from adamx.storage.codec import Codec
from adamx.storage.rounding import stochastic_round
from adamx.types import Array


class Bfloat16(Codec):
    name: ClassVar[str] = "bfloat16"

    stochastic: bool = False

    @property
    def span(self) -> int:
        return 1

    @property
    def draws(self) -> bool:
        return self.stochastic

    def encode(self, x: Array, key: Array | None = None) -> Array:
        return stochastic_round(x, jnp.bfloat16, key if self.stochastic else None)

    def decode(self, encoded: Array, shape: tuple[int, ...]) -> Array:
        return encoded.astype(jnp.float32)


def bfloat16(*, stochastic: bool = False) -> Codec:
    """Keep numbers as bfloat16, 2 bytes each.

    A moving average that is rounded to the nearest stops where a step is less than half
    of the distance between neighbours: with b = 0.999 at half of its value. Stochastic
    rounding is right on the average.

    Args:
        stochastic: whether to round up or down randomly, with a key that the state
            keeps; otherwise to the nearest.

    Returns:
        A codec, for `stored`. It keeps an array of the same shape.

    Reference:
        Gupta et al., "Deep Learning with Limited Numerical Precision", 2015,
        arXiv:1502.02551, for stochastic rounding.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> adamx.bfloat16().encode(jnp.float32(1.001)).dtype
        dtype(bfloat16)
    """
    return Bfloat16(stochastic)
