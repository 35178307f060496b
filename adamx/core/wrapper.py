"""Wrappers: nodes around a whole transform, with a state of their own."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import Transform
from adamx.core.tree_transform import TreeTransform
from adamx.execution.leaf_table import cast_tree
from adamx.execution.plan import Plan
from adamx.execution.rule_node import RuleNode
from adamx.hyperparameters.call import NoCall
from adamx.types import Array, Params, State, Updates


class Wrapper(TreeTransform):
    """Base of wrappers, which control when `plan` acts and on which updates.

    A subclass writes `update_inner` and, if it has a state of its own, `begin`. The
    plan's state is beside it, under `inner`. `wrap` makes a transform of a wrapper.
    """

    keeps_degree: ClassVar[bool] = False
    """Whether the wrapper has the degree of `plan`; see `Rule.degree`."""

    name: str
    plan: Plan

    def begin(self, params: Params) -> dict[str, Any]:
        """Return the first state of the wrapper itself."""
        return {}

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        """Return the updates, and the next states of the wrapper and of the plan."""
        raise NotImplementedError(f"{type(self).__name__}.update_inner")

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
        own_state = dict(state.get(self.name, {}))
        inner = own_state.pop("inner", {})
        updates, own_state, inner = self.update_inner(
            updates, own_state, inner, params, extra
        )
        return updates, self._joined(own_state, inner)

    def _joined(self, own_state: dict[str, Any], inner: State) -> dict[str, Any]:
        whole = own_state | ({"inner": inner} if inner else {})
        return {self.name: whole} if whole else {}


class Gate(Wrapper):
    """Base of wrappers that call `plan` in some steps; other steps keep its state.

    A subclass writes `decide`. In a skipped step the updates are zero, or unchanged if
    `passes` is true.
    """

    passes: ClassVar[bool] = False

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        """Return the updates for `plan`, whether to call it, and the next own state."""
        raise NotImplementedError(f"{type(self).__name__}.decide")

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        # Cast to the compute dtype, so that both branches of `cond` return one dtype.
        updates = cast_tree(self.name, updates, params)
        updates, opened, own_state = self.decide(updates, own_state, params, extra)

        def run(updates: Updates, inner: Any) -> tuple[Updates, Any]:
            out, inner = self.plan.apply(updates, inner, params, extra)
            return jax.tree.map(lambda u, g: u.astype(g.dtype), out, updates), inner

        def wait(updates: Updates, inner: Any) -> tuple[Updates, Any]:
            zero = updates if self.passes else jax.tree.map(jnp.zeros_like, updates)
            return zero, inner

        updates, inner = jax.lax.cond(opened, run, wait, updates, inner)
        return updates, own_state, inner


class RuleGate(Gate):
    """Base of gates that skip the steps in which a rule sets its bool `last_skipped`.

    A subclass writes `watch`. The rule may have locality "tree", to read a norm.
    """

    def watch(self, extra: Mapping[str, Any]) -> Rule:
        """Return the rule for this step."""
        raise NotImplementedError(f"{type(self).__name__}.watch")

    def begin(self, params: Params) -> dict[str, Any]:
        return self._rule_node({}).init(params)[self.name]

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        state = {self.name: own_state}
        updates, state = self._rule_node(extra).apply(updates, state, params, extra)
        return updates, ~state[self.name]["last_skipped"], state[self.name]

    def _rule_node(self, extra: Mapping[str, Any]) -> RuleNode:
        return RuleNode(((self.name, self.watch(extra)),))


def wrap(wrapper: Wrapper) -> Transform:
    """Make a transform of a wrapper.

    A leaf that the wrapped chain freezes is also frozen for the wrapper, and for the
    chain around it.
    """
    frozen = ((freeze.name, freeze) for freeze in wrapper.plan.frozen)
    return Transform.of(((wrapper.name, wrapper), *frozen), NoCall())
