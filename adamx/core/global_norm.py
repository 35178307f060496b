"""The global norm of the updates, for rules that read it."""

from typing import TypeAlias

from adamx.core.rule import OverLeaves, Rule
from adamx.numerics.norms import Squares, joined_norm, squares_of
from adamx.types import Array, Param, Shared, Slots

Norm: TypeAlias = tuple[Array, Array]
"""A norm as two factors, whose product may overflow; see `scaled_norm`."""


class GlobalNormRule(Rule):
    """Base of rules whose `advance` reads the global norm of the updates."""

    locality = "tree"

    def measure(self, g: Array, slots: Slots, shared: Shared, param: Param) -> Squares:
        """Return the sums of squares of one leaf."""
        return squares_of(g)

    def global_norm(self, shared: Shared, over_leaves: OverLeaves) -> Norm:
        """Return the global norm of the updates."""
        return joined_norm(*over_leaves(self.measure, shared))
