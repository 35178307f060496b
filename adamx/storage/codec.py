"""The base class of codecs: pairs of functions that encode and decode an array."""

import dataclasses
from typing import Any, ClassVar

from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Whole
from adamx.storage.blocks import bounded, largest, split
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array


class Codec(PytreeDataclass):
    """An encoding of float32 arrays between steps; `stored` applies it to a state.

    A codec is a frozen dataclass; its fields are its settings. A subclass defines

        encode(x, key)          returns an array, or a NamedTuple of arrays, that
                                encodes the float32 array `x`; shapes and dtypes depend
                                on the shape of `x` alone. `key` is None at `init`, and
                                always unless the codec `draws`
        decode(encoded, shape)  returns the decoded float32 array of that shape

    and, as class variables or properties,

        name    the name that its repr shows
        signed  whether it encodes negative numbers
        draws   whether `encode` draws random numbers
        span    how many consecutive numbers it encodes independently of all others;
                None if the whole array is encoded together, which `fused` refuses

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> class Half(adamx.Codec):
        ...     def encode(self, x, key=None):
        ...         return x.astype(jnp.float16)
        ...
        ...     def decode(self, encoded, shape):
        ...         return encoded.astype(jnp.float32)
        >>> tx = adamx.stored(adamx.trace(0.9), Half(), min_size=0)
        >>> tx.init(jnp.ones(3))["stored"]["trace"]["trace"].dtype
        dtype('float16')
    """

    name: ClassVar[str] = ""
    signed: ClassVar[bool] = True

    @property
    def draws(self) -> bool:
        """Return whether `encode` draws random numbers from a key."""
        return False

    @property
    def span(self) -> int | None:
        """Return how many consecutive numbers are encoded together; None for all."""
        return None

    def encode(self, x: Array, key: Array | None = None) -> Any:
        """Return the encoded `x`."""
        raise NotImplementedError(f"{type(self).__name__}.encode")

    def decode(self, encoded: Any, shape: tuple[int, ...]) -> Array:
        """Return the array that `encode` encoded."""
        raise NotImplementedError(f"{type(self).__name__}.decode")

    def nonnegative(self) -> "Codec":
        """Return the codec to use for arrays without negative numbers."""
        return self

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__repr__ = Codec.__repr__

    def __repr__(self) -> str:
        """Return the call that makes the codec; arguments at defaults are left out."""
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        pairs = ((f, getattr(self, f.name)) for f in fields)
        given = (f"{f.name}={value!r}" for f, value in pairs if value != f.default)
        return f"{self.name or type(self).__name__}({', '.join(given)})"


class BlockCodec(Codec):
    """A codec of blocks of numbers that share a scale."""

    block: int = 256

    @property
    def span(self) -> int:
        """Return how many numbers share a scale."""
        return self.block

    def blocks(self, x: Array) -> tuple[Array, Array]:
        """Return the blocks of `x`, with ∞ clipped, and the largest |x| of each."""
        blocks = split(bounded(x), self.block)
        return blocks, largest(blocks)


def checked_block(name: str, block: Any, multiple: int = 1) -> int:
    """Return `block` after a check that it is a positive multiple of `multiple`."""
    block = Whole(1).check(name, "block", block)
    if block % multiple:
        raise TransformError(
            f"{name}: block must be a multiple of {multiple}", got=repr(block)
        )
    return block
