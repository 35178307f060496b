"""The degree of a whole transform, from the degrees of its rules."""

from collections.abc import Iterable

from adamx.core.freeze import Freeze
from adamx.core.partition import Partition
from adamx.core.rule import Rule, chained
from adamx.core.tree_transform import TreeTransform
from adamx.core.wrapper import Wrapper
from adamx.execution.plan import Plan, distinct
from adamx.tree.paths import flatten
from adamx.types import Params


def degree_of(plan: Plan, params: Params) -> int | None:
    """Return the degree of a plan for these parameters; see `Rule.degree`."""
    seen = plan.trainable_params(params)
    return chained(_of_piece(piece, seen) for _, piece in distinct(plan.pieces))


def _of_piece(piece: Rule | TreeTransform, params: Params) -> int | None:
    if isinstance(piece, Rule):
        return piece.degree()
    if isinstance(piece, Freeze):
        return 1
    if isinstance(piece, Wrapper):
        plan, seen = piece.inside(params)["inner"]
        return degree_of(plan, seen) if piece.keeps_degree else None
    if isinstance(piece, Partition):
        inside = piece.inside(params).values()
        parts = [(plan, seen) for plan, seen in inside if _number(seen)]
        some_pass = sum(_number(seen) for _, seen in parts) < _number(params)
        return _common([*(degree_of(*part) for part in parts), *[1] * some_pass])
    return None


def _number(params: Params) -> int:
    return sum(leaf is not None for leaf in flatten(params)[0])


def _common(degrees: Iterable[int | None]) -> int | None:
    found = {*degrees}
    return found.pop() if len(found) == 1 else None
