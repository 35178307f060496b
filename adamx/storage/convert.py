"""Decode or encode all slots of a state."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import Transform
from adamx.errors import TransformError
from adamx.execution.plan import Plan, distinct
from adamx.execution.slot_table import Parts, Path, SlotTable, put
from adamx.execution.state_layout import StateLayout, get
from adamx.hyperparameters.call import NoCall
from adamx.storage.stored import NEVER, Encoding, Stored, with_min_size
from adamx.tree.paths import flatten, simple_paths
from adamx.types import Params, State


def bare(tx: Transform) -> Transform:
    """Return `tx` without encoding; its state has the same names."""
    return Transform.of(with_min_size(tx.plan.pieces, lambda _: NEVER), NoCall())


def decoded(tx: Transform, state: State, params: Params) -> State:
    """Decode `state`, a state of `tx`, into a state of `bare(tx)`."""

    def decode(
        slot: _StoredSlot, now: Parts, was: Parts, table: SlotTable, i: int
    ) -> Any:
        arrays = [column[i] for column in table.columns(now.names)]
        kept = was.container.flatten_up_to(now.container.unflatten(arrays))
        pairs = zip(was.arrays, kept, strict=True)
        found = [slot.encoding.decode(slot.path[-1], a, x) for a, x in pairs]
        return was.container.unflatten(found)

    like = jax.eval_shape(bare(tx).init, params)
    return _converted(tx, state, params, like, decode)


def encoded(tx: Transform, state: State, params: Params) -> State:
    """Encode `state`, a state of `bare(tx)`, into a state of `tx`."""

    def encode(
        slot: _StoredSlot, now: Parts, was: Parts, table: SlotTable, i: int
    ) -> Any:
        arrays = [column[i] for column in table.columns(was.names)]
        return was.container.unflatten(
            [slot.encoding.encode(slot.path[-1], x) for x in arrays]
        )

    return _converted(tx, state, params, state, encode)


class _StoredSlot(NamedTuple):
    """An encoded slot and its codec."""

    path: Path
    encoding: Encoding
    params: Params
    """The parameters that the rule gets."""
    parts: Callable[[Any, str], tuple[Parts, Parts]]
    """Return the parts of the slot of a leaf, by its path, encoded and decoded."""


def _converted(
    tx: Transform,
    state: State,
    params: Params,
    like: State,
    function: Callable[..., Any],
) -> State:
    """Return `state` with `function` applied to each slot that is encoded in `like`."""
    new = _copied(state)
    for slot in _slots(tx.plan, params):
        if not _has(like, slot.path):
            continue
        leaves, treedef = flatten(slot.params)
        paths = simple_paths(slot.params)
        kept = get(state, slot.path)
        try:
            table = SlotTable.read(treedef, leaves, {(): kept}, _mismatch)
            found = [
                None
                if leaf is None
                else Parts.of(function(slot, *slot.parts(leaf, paths[i]), table, i))
                for i, leaf in enumerate(leaves)
            ]
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise TransformError(
                f"the state's {slot.path[-1]!r} is not what the transform keeps",
                piece="/".join(slot.path[:-1]),
                hint="say whose state it is: migrate(…, old_tx=…)",
            ) from error
        put(new, slot.path, SlotTable.of(treedef, found, [()]).tree())
    return new


def _mismatch(path: Path, tree: Any) -> Any:
    raise ValueError(path, tree)


def _slots(plan: Plan, params: Params, path: Path = ()) -> Iterator[_StoredSlot]:
    """Return the slots in the state that are encoded."""
    seen = plan.trainable_params(params)
    for name, piece in distinct(plan.pieces):
        if not isinstance(piece, Rule):
            for label, (inner, those) in piece.inside(seen).items():
                yield from _slots(inner, those, (*path, name, label))
            continue
        was = with_min_size(piece, lambda _: NEVER)
        for below, encoding in _in_rule(piece, ()):

            def parts(
                leaf: Any, at: str, slot: Path = below, both: Any = (piece, was)
            ) -> tuple[Parts, Parts]:
                shape, dtype = jnp.shape(leaf), jnp.result_type(leaf)

                def found(rule: Rule) -> Parts:
                    of_leaf = rule.for_leaf(at, shape, lambda: at)
                    layout = StateLayout.of(rule).of_leaf(of_leaf)
                    return layout.slot(slot, shape, dtype)

                now, was = map(found, both)
                return now, was

            yield _StoredSlot((*path, name, *below), encoding, seen, parts)


def _in_rule(rule: Rule, path: Path) -> Iterator[tuple[Path, Encoding]]:
    if isinstance(rule, Stored):
        for below in StateLayout.of(rule.inner).paths:
            yield (*path, *below), rule.encoding
    for name, part in rule.parts():
        yield from _in_rule(part, (*path, name))


def _has(state: Any, path: Path) -> bool:
    """Return whether the state has an entry at `path`."""
    for name in path:
        if not isinstance(state, dict) or name not in state:
            return False
        state = state[name]
    return True


def _copied(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    return {name: _copied(value) for name, value in state.items()}
