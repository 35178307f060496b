"""The base of codecs: a function that encodes an array, and one that decodes it."""

import dataclasses
from typing import Any, ClassVar

from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Whole
from adamx.storage.blocks import bounded, largest, split
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array


class Codec(PytreeDataclass):
    """How an array of float32 is kept between steps; `stored` puts it around a rule.

    A codec is a frozen dataclass: its fields say how it is set. A subclass writes

        encode(x, key)          what is kept of `x`, a float32 array: an array, or a
                                NamedTuple of arrays; their shapes and dtypes follow
                                from the shape of `x` alone. `key` is None unless the
                                codec `draws`, and at `init`
        decode(encoded, shape)  the float32 array of that shape which it stands for

    and declares with class variables or properties whether it keeps signs (`signed`),
    whether it `draws` random numbers, what it is called (`name`), and how many numbers
    in a row it encodes together, without looking at others (`span`; None if it looks
    at all of them, and then it cannot be part of a kernel).

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
        """Return whether `encode` wants a key."""
        return False

    @property
    def span(self) -> int | None:
        """Return how many numbers in a row are encoded together."""
        return None

    def encode(self, x: Array, key: Array | None = None) -> Any:
        """Return the encoded `x`."""
        raise NotImplementedError(f"{type(self).__name__}.encode")

    def decode(self, encoded: Any, shape: tuple[int, ...]) -> Array:
        """Return the array that `encode` encoded."""
        raise NotImplementedError(f"{type(self).__name__}.decode")

    def nonnegative(self) -> "Codec":
        """Return the codec to use instead of this one where no number is negative."""
        return self

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__repr__ = Codec.__repr__

    def __repr__(self) -> str:
        """Return the call that makes the codec, without arguments at their defaults."""
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        pairs = ((f, getattr(self, f.name)) for f in fields)
        given = (f"{f.name}={value!r}" for f, value in pairs if value != f.default)
        return f"{self.name or type(self).__name__}({', '.join(given)})"


class BlockCodec(Codec):
    """A codec of blocks of numbers, which share a scale."""

    block: int = 256

    @property
    def span(self) -> int:
        """Return how many numbers share a scale."""
        return self.block

    def blocks(self, x: Array) -> tuple[Array, Array]:
        """Return `x` in blocks, with ∞ clipped, and the largest |x| of each block."""
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
