"""The codec to bfloat16: 8 bits of precision, the range of float32, no scales."""

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
    """Encode numbers as bfloat16, 2 bytes each.

    With rounding to the nearest, a moving average stops when its step is less than half
    of the distance between neighbouring bfloat16 numbers: with b = 0.999 and equal
    gradients, at a third of its limit or less. Stochastic rounding is unbiased.

    Args:
        stochastic: whether to round up or down randomly, with a key in the state;
            otherwise numbers are rounded to the nearest.

    Returns:
        A codec for `stored`. Its code is one array of the same shape.

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
