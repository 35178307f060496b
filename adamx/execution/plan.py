"""Pieces in series, grouped so that neighbouring rules run as one."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from adamx.core.freeze import Freeze, filled, keep, zero_rest
from adamx.core.node import Node
from adamx.core.rule import Rule, locality, walk
from adamx.errors import TransformError
from adamx.execution.lift import Lifted
from adamx.tree.frozen_numbers import begin, joined, without_numbers, zero_numbers
from adamx.tree.paths import flatten
from adamx.tree.record import Record, replace
from adamx.types import Params, State, Updates

Piece: TypeAlias = tuple[str, Rule | Node]
"""A named part of a chain; the name is that of its state."""


class Plan(Record):
    """What a transform does: its pieces, and the nodes they are executed as."""

    pieces: tuple[Piece, ...]
    """As they were given; numbered only where they are used, so that chains nest."""
    nodes: tuple[Node, ...]
    frozen: tuple[Freeze, ...]

    @staticmethod
    def of(pieces: tuple[Piece, ...]) -> "Plan":
        """Group rules into runs; one that needs the whole tree begins a new run."""
        nodes: list[Node] = []
        frozen: list[Freeze] = []
        run: list[tuple[str, Rule]] = []
        for name, piece in distinct(pieces):
            if isinstance(piece, Freeze):
                frozen.append(piece)
                continue
            if run and not (isinstance(piece, Rule) and piece.locality != "tree"):
                nodes.append(Lifted(tuple(run)))
                run = []
            if isinstance(piece, Rule):
                run.append((name, piece))
            else:
                nodes.append(piece)
        if run or not nodes:
            nodes.append(Lifted(tuple(run)))
        return Plan(pieces, tuple(nodes), tuple(frozen))

    def pure(self) -> bool:
        """Whether all of it can be jitted as a whole."""
        return all(node.pure() for node in self.nodes)

    def needs(self) -> frozenset[str]:
        """The keyword arguments of update that are read somewhere."""
        return frozenset().union(*(node.needs() for node in self.nodes))

    def options(self) -> frozenset[str]:
        """The keyword arguments of update that are read where they are given."""
        return frozenset().union(*(node.options() for node in self.nodes))

    def rules(self) -> Iterator[Rule]:
        """Every rule that there is, inside of others and of nodes too."""
        for name, piece in self.pieces:
            if isinstance(piece, Rule):
                yield from (rule for _, rule in walk(name, piece))
            else:
                for plan in piece.plans():
                    yield from plan.rules()

    def init(self, params: Params) -> State:
        state: dict[str, Any] = {}
        for freeze in self.frozen:
            state |= begin(params, freeze.held(params), freeze.name)
        params = self.seen(params)
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
        held, given = None, updates if params is None else params
        every = {freeze.name: freeze.held(given) for freeze in self.frozen}
        masks = {name: numbers for name, numbers in every.items() if numbers}
        still = joined(masks.values())
        if still:
            extra = without_numbers(extra, params, still)
            updates = zero_numbers(updates, still)
            params = None if params is None else zero_numbers(params, still)
        if self.frozen:
            moving = self._moving(given)
            # Where there is no gradient there is no update either, and not a zero.
            pairs = zip(moving, flatten(updates)[0], strict=True)
            held = [not moves and u is not None for moves, u in pairs]
            updates, extra = keep(updates, moving), filled(extra, params, moving)
            params = None if params is None else keep(params, moving)
        new = {name: state.get(name) for name in masks}
        for node in self.nodes:
            updates, part = node.apply(updates, state, params, extra)
            new |= part
        updates = zero_numbers(updates, still)
        if new.keys() != state.keys():
            raise TransformError(
                "the state is of another transform",
                expected=f"pieces {sorted(new)}",
                got=f"pieces {sorted(state)}",
                do="use the state that init of the same transform made",
            )
        if held is None:
            return updates, new
        return zero_rest(updates, given, [not frozen for frozen in held]), new

    def seen(self, params: Params) -> Params:
        """The parameters that the pieces see: None for those that are frozen."""
        if not self.frozen:
            return params
        still = joined(freeze.held(params) for freeze in self.frozen)
        return keep(zero_numbers(params, still), self._moving(params))

    def _moving(self, params: Params) -> list[bool]:
        """Which leaves no `freeze` of the chain holds, wherever in it that stands."""
        held = [freeze.holds(params) for freeze in self.frozen]
        return [not any(leaf) for leaf in zip(*held, strict=True)]


def of_single_leaves(piece: Piece) -> bool:
    """Whether it is a rule that looks at one leaf at a time, or at less."""
    return isinstance(piece[1], Rule) and locality(piece[1]) != "tree"


def distinct(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Number the pieces of equal name: scale, scale_1, scale_2."""
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
