"""A node around a whole transform, and a state of its own beside that one's."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from adamx.core.node import Node
from adamx.core.rule import Rule
from adamx.core.transform import Transform
from adamx.execution.lift import Lifted, cast_node
from adamx.execution.plan import Plan
from adamx.hyperparameters.call import NoCall
from adamx.types import Array, Params, State, Updates


class Wrapper(Node):
    """Decides when `plan` acts, or on what.

    A subclass writes `act` and, where it keeps something itself, `begin`. Its state is
    what it keeps and, under `inner`, that of the plan. `around` makes a transform of
    it.
    """

    keeps_degree: ClassVar[bool] = False
    """Whether updates grow with gradients as those of `plan`; see `Rule.degree`."""

    name: str
    plan: Plan

    def begin(self, params: Params) -> dict[str, Any]:
        """The first state of its own."""
        return {}

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        """The transformed updates, and the next states: its own, and the plan's."""
        raise NotImplementedError(f"{type(self).__name__}.act")

    def plans(self) -> tuple[Plan, ...]:
        return (self.plan,)

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        return {"inner": (self.plan, params)}

    def init(self, params: Params) -> dict[str, Any]:
        return self._joined(self.begin(params), self.plan.init(params))

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        mine = dict(state.get(self.name, {}))
        inner = mine.pop("inner", {})
        updates, mine, inner = self.act(updates, mine, inner, params, extra)
        return updates, self._joined(mine, inner)

    def _joined(self, mine: dict[str, Any], inner: State) -> dict[str, Any]:
        whole = mine | ({"inner": inner} if inner else {})
        return {self.name: whole} if whole else {}


class Gate(Wrapper):
    """Lets `plan` act in some steps; in the others it sees nothing of them.

    A subclass writes `decide`. Where the gate is shut the updates are zero, or, where
    it `passes`, what came in.
    """

    passes: ClassVar[bool] = False

    def decide(
        self,
        updates: Updates,
        mine: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        """The updates for `plan`, whether it is to act, and the next own state."""
        raise NotImplementedError(f"{type(self).__name__}.decide")

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        # In the dtype that is computed in, so that both ways end in the same.
        updates, _ = cast_node(self.name).apply(updates, {}, params, {})
        updates, opened, mine = self.decide(updates, mine, params, extra)

        def run(updates: Updates, inner: Any) -> tuple[Updates, Any]:
            out, inner = self.plan.apply(updates, inner, params, extra)
            return jax.tree.map(lambda u, g: u.astype(g.dtype), out, updates), inner

        def wait(updates: Updates, inner: Any) -> tuple[Updates, Any]:
            zero = updates if self.passes else jax.tree.map(jnp.zeros_like, updates)
            return zero, inner

        updates, inner = jax.lax.cond(opened, run, wait, updates, inner)
        return updates, mine, inner


class RuleGate(Gate):
    """Skips the steps in which a rule sets `last_skipped`, a bool that it keeps.

    A subclass writes `watch`. The rule may be of locality "tree", for a norm.
    """

    def watch(self, extra: Mapping[str, Any]) -> Rule:
        """Return the rule for this step."""
        raise NotImplementedError(f"{type(self).__name__}.watch")

    def begin(self, params: Params) -> dict[str, Any]:
        return self._lifted({}).init(params)[self.name]

    def decide(
        self,
        updates: Updates,
        mine: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        state = {self.name: mine}
        updates, state = self._lifted(extra).apply(updates, state, params, extra)
        return updates, ~state[self.name]["last_skipped"], state[self.name]

    def _lifted(self, extra: Mapping[str, Any]) -> Lifted:
        return Lifted(((self.name, self.watch(extra)),))


def around(wrapper: Wrapper) -> Transform:
    """The transform that a wrapper is.

    A leaf that a chain inside freezes is frozen for the wrapper too, and for the chain
    that the wrapper stands in.
    """
    frozen = ((freeze.name, freeze) for freeze in wrapper.plan.frozen)
    return Transform.of(((wrapper.name, wrapper), *frozen), NoCall())
