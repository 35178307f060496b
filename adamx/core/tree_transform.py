"""What a transform is made of: things that act on whole trees, one after the other."""

from collections.abc import Mapping
from typing import Any

from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Params, Updates

EVERY = "**"
"""Among the arguments that a node needs: all that update is given."""


class TreeTransform(PytreeDataclass):
    """Acts on trees; keeps its state in a dict by the names of its pieces.

    Updates travel between nodes in the compute dtype; they are rounded once, where
    the outermost transform hands them to its caller.
    """

    def init(self, params: Params) -> dict[str, Any]:
        """Return the first state."""
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
        """Return the plans inside this node."""
        return ()

    def inside(self, params: Params) -> dict[str, tuple[Any, Params]]:
        """Return each plan by the name of its state, and its parameters."""
        return {}

    def pure(self) -> bool:
        """Return whether no foreign pair is inside, so that the whole can be jitted."""
        return all(plan.facts.pure for plan in self.plans())

    def needs(self) -> frozenset[str]:
        """Return the keyword arguments of update that some piece inside reads."""
        return frozenset().union(*(plan.facts.needs for plan in self.plans()))

    def options(self) -> frozenset[str]:
        """Return the keyword arguments of update that are read if given."""
        return frozenset().union(*(plan.facts.options for plan in self.plans()))
