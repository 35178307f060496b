"""A state with everything in it decoded, and encoded again."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import Transform
from adamx.errors import TransformError
from adamx.execution.column import Column, Parts, Path
from adamx.execution.plan import Plan, distinct
from adamx.execution.slots import Slots, get, put
from adamx.hyperparameters.call import NoCall
from adamx.storage.stored import NEVER, Encoding, Stored, with_min_size
from adamx.tree.paths import flatten
from adamx.types import Params, State


def bare(tx: Transform) -> Transform:
    """`tx` with nothing encoded; its state has the same names."""
    return Transform.of(with_min_size(tx.plan.pieces, lambda _: NEVER), NoCall())


def decoded(tx: Transform, state: State, params: Params) -> State:
    """The state of `bare(tx)` that `state`, one of `tx`, stands for.

    Raises:
        TransformError: `state` is none of `tx`.
    """

    def decode(
        slot: _StoredSlot, now: Parts, was: Parts, column: Column, i: int
    ) -> Any:
        kept = was.container.flatten_up_to(now.slot(column, i))
        pairs = zip(was.arrays, kept, strict=True)
        found = [slot.encoding.decode(slot.path[-1], a, x) for a, x in pairs]
        return was.container.unflatten(found)

    like = jax.eval_shape(bare(tx).init, params)
    return _converted(tx, state, params, like, decode)


def encoded(tx: Transform, state: State, params: Params) -> State:
    """The state of `tx` that stands for `state`, one of `bare(tx)`.

    Raises:
        TransformError: `state` is none of `bare(tx)`.
    """

    def encode(
        slot: _StoredSlot, now: Parts, was: Parts, column: Column, i: int
    ) -> Any:
        arrays = column.get(i, was.names)
        return was.container.unflatten(
            [slot.encoding.encode(slot.path[-1], x) for x in arrays]
        )

    return _converted(tx, state, params, state, encode)


class _StoredSlot(NamedTuple):
    """A slot that is encoded, and what it takes to read it."""

    path: Path
    encoding: Encoding
    params: Params
    """As the rule sees them."""
    parts: Callable[[Any], tuple[Parts, Parts]]
    """From a leaf to its slot as it is encoded, and as it is not."""


def _converted(
    tx: Transform,
    state: State,
    params: Params,
    like: State,
    function: Callable[..., Any],
) -> State:
    """`state` with `function` of each slot that is encoded, where `like` has it."""
    new = _copied(state)
    for slot in _slots(tx.plan, params):
        if not _has(like, slot.path):
            continue
        leaves, treedef = flatten(slot.params)
        kept = get(state, slot.path)
        try:
            column = Column.read(treedef, leaves, kept, _mismatch)
            found = [
                None if leaf is None else function(slot, *slot.parts(leaf), column, i)
                for i, leaf in enumerate(leaves)
            ]
        except (ValueError, TypeError, AttributeError) as error:
            raise TransformError(
                f"the state's {slot.path[-1]!r} is not what the transform keeps",
                piece="/".join(slot.path[:-1]),
                do="say whose state it is: migrate(…, old_tx=…)",
            ) from error
        put(new, slot.path, Column.of(treedef, found).tree())
    return new


def _mismatch(tree: Any) -> Any:
    raise ValueError(tree)


def _slots(plan: Plan, params: Params, path: Path = ()) -> Iterator[_StoredSlot]:
    """The slots in the state that are encoded."""
    seen = plan.seen(params)
    for name, piece in distinct(plan.pieces):
        if not isinstance(piece, Rule):
            for label, (inner, those) in piece.inside(seen).items():
                yield from _slots(inner, those, (*path, name, label))
            continue
        now, was = Slots.of(piece), Slots.of(with_min_size(piece, lambda _: NEVER))
        for below, encoding in _in_rule(piece, ()):

            def parts(
                leaf: Any, k: int = now.paths.index(below), kept: Any = (now, was)
            ) -> tuple[Parts, Parts]:
                shape, dtype = jnp.shape(leaf), jnp.result_type(leaf)
                a, b = (slots.parts(shape, dtype)[k] for slots in kept)
                return a, b

            yield _StoredSlot((*path, name, *below), encoding, seen, parts)


def _in_rule(rule: Rule, path: Path) -> Iterator[tuple[Path, Encoding]]:
    if isinstance(rule, Stored):
        for below in Slots.of(rule.rule).paths:
            yield (*path, *below), rule.encoding
    for name, part in rule.parts():
        yield from _in_rule(part, (*path, name))


def _has(state: Any, path: Path) -> bool:
    """Whether anything is kept there: what has no state has no name in it either."""
    for name in path:
        if not isinstance(state, dict) or name not in state:
            return False
        state = state[name]
    return True


def _copied(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    return {name: _copied(value) for name, value in state.items()}
