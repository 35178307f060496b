"""Pieces in series, grouped so that neighbouring rules run as one."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from adamx.core.freeze import Freeze, fill_missing, select_leaves, zero_unselected
from adamx.core.rule import Rule, iter_rules, locality
from adamx.core.tree_transform import TreeTransform
from adamx.execution.rule_node import RuleNode
from adamx.tree.check import wrong_state
from adamx.tree.frozen_numbers import begin, joined, without_numbers, zero_numbers
from adamx.tree.paths import flatten
from adamx.tree.pytree_dataclass import PytreeDataclass, replace
from adamx.types import Params, State, Updates

Piece: TypeAlias = tuple[str, Rule | TreeTransform]
"""A part of a chain, with the name of its state."""


class PlanFacts(NamedTuple):
    """Static facts about a plan."""

    pure: bool
    """Whether no piece is foreign, so that the plan can be jitted as a whole."""
    needs: frozenset[str]
    """The keyword arguments of update that a piece reads."""
    options: frozenset[str]
    """The keyword arguments of update that a piece reads if they are given."""


class Plan(PytreeDataclass):
    """The pieces of a transform, and the nodes that execute them."""

    pieces: tuple[Piece, ...]
    """As given; equal names are numbered only on use, so that chains can nest."""
    nodes: tuple[TreeTransform, ...]
    frozen: tuple[Freeze, ...]

    @staticmethod
    def of(pieces: tuple[Piece, ...]) -> "Plan":
        """Group rules into runs; a rule of locality "tree" begins a new run.

        A rule that stacks leaves is a run of its own, because all arrays that a run
        reads or keeps are stacked.
        """
        nodes: list[TreeTransform] = []
        frozen: list[Freeze] = []
        run: list[tuple[str, Rule]] = []

        def end_run() -> None:
            if run:
                nodes.append(RuleNode(tuple(run)))
            run.clear()

        for name, piece in distinct(pieces):
            if isinstance(piece, Freeze):
                frozen.append(piece)
            elif not isinstance(piece, Rule):
                end_run()
                nodes.append(piece)
            else:
                stacked = any(rule.stacks() for _, rule in iter_rules(name, piece))
                if stacked or piece.locality == "tree":
                    end_run()
                run.append((name, piece))
                if stacked:
                    end_run()
        end_run()
        return Plan(pieces, tuple(nodes) or (RuleNode(()),), tuple(frozen))

    @cached_property
    def facts(self) -> PlanFacts:
        """Return the facts about the nodes, computed once."""
        return PlanFacts(
            all(node.pure() for node in self.nodes),
            frozenset().union(*(node.needs() for node in self.nodes)),
            frozenset().union(*(node.options() for node in self.nodes)),
        )

    def rules(self) -> Iterator[Rule]:
        """Yield every rule, also the rules inside other rules and nodes."""
        for name, piece in self.pieces:
            if isinstance(piece, Rule):
                yield from (rule for _, rule in iter_rules(name, piece))
            else:
                for plan in piece.plans():
                    yield from plan.rules()

    def init(self, params: Params) -> State:
        state: dict[str, Any] = {}
        for freeze in self.frozen:
            state |= begin(params, freeze.held(params), freeze.name)
        params = self.trainable_params(params)
        for node in self.nodes:
            state |= node.init(params)
        return state

    def apply(
        self,
        updates: Updates,
        state: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, State]:
        if self.frozen:
            return self._around_frozen(updates, state, params, extra)
        new: dict[str, Any] = {}
        for node in self.nodes:
            updates, part = node.apply(updates, state, params, extra)
            new |= part
        if new.keys() != state.keys():
            raise wrong_state(None, f"pieces {sorted(new)}", f"pieces {sorted(state)}")
        return updates, new

    def _around_frozen(
        self,
        updates: Updates,
        state: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, State]:
        """Apply the pieces to trainable numbers; frozen numbers get a zero update."""
        given = updates if params is None else params
        every = {freeze.name: freeze.held(given) for freeze in self.frozen}
        masks = {name: numbers for name, numbers in every.items() if numbers}
        still = joined(masks.values())
        if still:
            extra = without_numbers(extra, params, still)
            updates = zero_numbers(updates, still)
            params = None if params is None else zero_numbers(params, still)
        trainable = self._trainable(given)
        # Keep None for an absent gradient, because its update is None and not zero.
        pairs = zip(trainable, flatten(updates)[0], strict=True)
        kept = [yes or u is None for yes, u in pairs]
        updates, extra = (
            select_leaves(updates, trainable),
            fill_missing(extra, params, trainable),
        )
        params = None if params is None else select_leaves(params, trainable)
        inner = {name: part for name, part in state.items() if name not in masks}
        unfrozen = replace(self, frozen=())
        updates, new = unfrozen.apply(updates, inner, params, extra)
        updates = zero_numbers(updates, still)
        new |= {name: state.get(name) for name in masks}
        if new.keys() != state.keys():
            raise wrong_state(None, f"pieces {sorted(new)}", f"pieces {sorted(state)}")
        return zero_unselected(updates, given, kept), new

    def trainable_params(self, params: Params) -> Params:
        """Return the parameters, with None for frozen leaves, 0 for frozen numbers."""
        if not self.frozen:
            return params
        still = joined(freeze.held(params) for freeze in self.frozen)
        return select_leaves(zero_numbers(params, still), self._trainable(params))

    def _trainable(self, params: Params) -> list[bool]:
        """Return for each leaf whether no `freeze` in the chain freezes it."""
        held = [freeze.holds(params) for freeze in self.frozen]
        return [not any(leaf) for leaf in zip(*held, strict=True)]


def of_single_leaves(piece: Piece) -> bool:
    """Return whether a piece is a rule of locality "element" or "leaf"."""
    return isinstance(piece[1], Rule) and locality(piece[1]) != "tree"


def distinct(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Number pieces of equal name: scale, scale_1, scale_2."""
    taken: set[str] = set()
    named = []
    for name, piece in pieces:
        options = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
        new = next(option for option in options if option not in taken)
        taken.add(new)
        if new != name and not isinstance(piece, Rule):
            piece = replace(piece, name=new)
        named.append((new, piece))
    return tuple(named)
