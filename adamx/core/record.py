"""Frozen dataclasses that are pytrees, split into what is traced and what is not."""

import dataclasses
from collections.abc import Hashable
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen dataclass; every field is a child of its pytree node.

    Subclassing is all it takes: equality and hash come from the fields. Fields may
    hold numbers, functions, names, arrays and other records; `split` parts them.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True)(cls)
        names = [f.name for f in dataclasses.fields(cls)]  # pyright: ignore
        jax.tree_util.register_dataclass(cls, names, [])


R = TypeVar("R", bound=Record)


def replace(record: R, **fields: Any) -> R:
    """`record` with some of its fields exchanged."""
    return dataclasses.replace(record, **fields)  # pyright: ignore


def is_array(x: object) -> bool:
    """Whether `x` is to be traced, rather than to be a constant of the program."""
    return isinstance(x, jax.Array | np.ndarray)


def is_key(x: Any) -> bool:
    """Whether `x` is a random key."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def split(tree: Any) -> tuple[list[Any], Hashable]:
    """Part `tree` into its arrays and a hashable rest; `merge` is the inverse."""
    leaves, treedef = jax.tree.flatten(tree)
    arrays = [x for x in leaves if is_array(x)]
    rest = tuple(_ARRAY if is_array(x) else x for x in leaves)
    return arrays, (treedef, rest)


def merge(arrays: list[Any], static: Any) -> Any:
    """Put the arrays that `split` took out back where they were."""
    treedef, rest = static
    left = iter(arrays)
    return treedef.unflatten([next(left) if x is _ARRAY else x for x in rest])


_ARRAY = object()
