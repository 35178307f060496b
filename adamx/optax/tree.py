"""Optax's own functions of trees, loaded when they are used."""

from typing import TYPE_CHECKING

from adamx.optax.own import lend

if TYPE_CHECKING:
    from optax.tree import *  # noqa: F403  # pyright: ignore

__getattr__, __dir__ = lend("optax.tree")
