"""Nodes, the parts of a transform, which act on whole trees one after the other."""

from collections.abc import Mapping
from typing import Any

from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Params, Updates

EVERY = "**"
"""In the arguments that a node reads: every argument of update."""


class TreeTransform(PytreeDataclass):
    """A node that acts on whole trees; its state is a dict by piece name.

    Updates between nodes have the compute dtype. They are rounded once, when the
    outermost transform returns them.
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
        """Return the transformed updates, unrounded, and the next state."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def plans(self) -> tuple[Any, ...]:
        """Return the plans inside this node."""
        return ()

    def inside(self, params: Params) -> dict[str, tuple[Any, Params]]:
        """Return each plan inside and its parameters, by the name of its state."""
        return {}

    def pure(self) -> bool:
        """Return whether no foreign pair is inside, so that the node can be jitted."""
        return all(plan.facts.pure for plan in self.plans())

    def needs(self) -> frozenset[str]:
        """Return the keyword arguments of update that some piece inside reads."""
        return frozenset().union(*(plan.facts.needs for plan in self.plans()))

    def options(self) -> frozenset[str]:
        """Return the keyword arguments of update that are read if given."""
        return frozenset().union(*(plan.facts.options for plan in self.plans()))
