"""Frozen dataclasses that are pytrees."""

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax


@dataclass_transform(frozen_default=True)
class PytreeDataclass:
    """Base of frozen dataclasses whose fields are the children of a pytree node.

    A subclass needs no decorator. Equality and hash come from the fields. Fields may
    hold numbers, functions, names, arrays and other pytree dataclasses;
    `hyperparameters.static.split` separates the arrays from the rest.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True)(cls)
        names = [f.name for f in dataclasses.fields(cls)]  # pyright: ignore
        jax.tree_util.register_dataclass(cls, names, [])


D = TypeVar("D", bound=PytreeDataclass)


def replace(node: D, **fields: Any) -> D:
    """Return `node` with other values in some of its fields."""
    return dataclasses.replace(node, **fields)  # pyright: ignore
