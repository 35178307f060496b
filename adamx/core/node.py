"""What a transform is made of: things that act on whole trees, one after the other."""

from collections.abc import Mapping
from typing import Any

from adamx.tree.record import Record
from adamx.types import Params, Updates

EVERY = "**"
"""Among the arguments that a node needs: all that update is given."""


class Node(Record):
    """Acts on trees; keeps its state in a dict by the names of its pieces.

    Updates travel between nodes in the compute dtype; they are rounded once, where
    the outermost transform hands them to its caller.
    """

    def init(self, params: Params) -> dict[str, Any]:
        """The first state."""
        return {}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        """The transformed updates, unrounded, and the next state."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def plans(self) -> tuple[Any, ...]:
        """The plans inside this node."""
        return ()

    def inside(self, params: Params) -> dict[str, tuple[Any, Params]]:
        """The plans by the names of their states, and the parameters that each sees."""
        return {}

    def pure(self) -> bool:
        """Whether all of it is adamx's own, so that it can be jitted as a whole."""
        return all(plan.pure() for plan in self.plans())

    def needs(self) -> frozenset[str]:
        """The keyword arguments of update that are read somewhere inside."""
        return frozenset().union(*(plan.needs() for plan in self.plans()))

    def options(self) -> frozenset[str]:
        """The keyword arguments of update that are read where they are given."""
        return frozenset().union(*(plan.options() for plan in self.plans()))
