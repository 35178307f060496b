"""A state with everything in it decoded, and encoded again."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax

from adamx.core.call import NoCall
from adamx.core.errors import TransformError
from adamx.core.plan import Plan, distinct
from adamx.core.rule import Rule
from adamx.core.slots import Path, Slots, get, put
from adamx.core.transform import Transform
from adamx.core.types import Params, State
from adamx.storage.stored import NEVER, Encoding, Stored, with_min_size


def bare(tx: Transform) -> Transform:
    """`tx` with nothing encoded; its state has the same names."""
    return Transform.of(with_min_size(tx.plan.pieces, lambda _: NEVER), NoCall())


def decoded(tx: Transform, state: State, params: Params) -> State:
    """The state of `bare(tx)` that `state`, one of `tx`, stands for.

    Raises:
        TransformError: `state` is none of `tx`.
    """
    like, new = jax.eval_shape(bare(tx).init, params), _copied(state)
    for path, encoding in _slots(tx.plan, params):
        if _has(like, path):
            decode = partial(encoding.decode, path[-1])
            put(new, path, _mapped(decode, path, get(like, path), get(state, path)))
    return new


def encoded(tx: Transform, state: State, params: Params) -> State:
    """The state of `tx` that stands for `state`, one of `bare(tx)`.

    Raises:
        TransformError: `state` is none of `bare(tx)`.
    """
    new = _copied(state)
    for path, encoding in _slots(tx.plan, params):
        if _has(state, path):
            encode = partial(encoding.encode, path[-1])
            put(new, path, _mapped(encode, path, get(state, path)))
    return new


def _mapped(function: Callable[..., Any], path: Path, *slots: Any) -> Any:
    """`function` of each array of a slot, for all leaves."""
    try:
        return jax.tree.map(function, *slots)
    except (ValueError, TypeError, AttributeError) as error:
        raise TransformError(
            f"the state's {path[-1]!r} is not what the transform keeps",
            piece="/".join(path[:-1]),
            do="say whose state it is: migrate(…, old_tx=…)",
        ) from error


def _slots(
    plan: Plan, params: Params, path: Path = ()
) -> Iterator[tuple[Path, Encoding]]:
    """Where in the state there are slots that are encoded, and how."""
    seen = plan.seen(params)
    for name, piece in distinct(plan.pieces):
        if isinstance(piece, Rule):
            yield from _in_rule(piece, (*path, name))
            continue
        for label, (inner, those) in piece.inside(seen).items():
            yield from _slots(inner, those, (*path, name, label))


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
