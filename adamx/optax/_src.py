"""Optax's own private modules, for programs that name types in them."""

from adamx.optax.own import lend

__getattr__, __dir__ = lend("optax._src")
