"""Frozen dataclasses that are pytrees."""

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen dataclass; every field is a child of its pytree node.

    Subclassing is all it takes: equality and hash come from the fields. Fields may
    hold numbers, functions, names, arrays and other records; `static.split` parts them.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True)(cls)
        names = [f.name for f in dataclasses.fields(cls)]  # pyright: ignore
        jax.tree_util.register_dataclass(cls, names, [])


R = TypeVar("R", bound=Record)


def replace(record: R, **fields: Any) -> R:
    """Return `record` with some of its fields exchanged."""
    return dataclasses.replace(record, **fields)  # pyright: ignore


def is_array(x: object) -> bool:
    """Return whether `x` is traced, rather than a constant of the program."""
    return isinstance(x, jax.Array | np.ndarray)


def is_key(x: Any) -> bool:
    """Return whether `x` is a random key."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
