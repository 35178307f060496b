"""Fill a fresh state with the moments of another library."""

from collections.abc import Mapping
from typing import Any

from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Whole
from adamx.hyperparameters.call import NoCall
from adamx.interop.parts import Part, fits, joined, outline, parts_of, placed, shown
from adamx.interop.rehearse import rehearsed
from adamx.tree.paths import flatten, key_paths
from adamx.types import Params, State

PIECES: Mapping[str, tuple[str, ...]] = {
    "mu": ("scale_by_momentum", "nesterov_momentum"),
    "nu": ("second_moment",),
    "nu_max": ("running_max",),
    "trace": ("trace",),
}
"""For each slot name, the pieces whose slot is the same moment in other libraries."""


def one_count(counts: Mapping[str, int], wrong: str) -> int | None:
    """Return the one number in `counts`, or None; raise an error `wrong` for two."""
    if len({*counts.values()}) > 1:
        raise TransformError(
            wrong,
            expected="one number of steps",
            got=", ".join(f"{name}: {n}" for name, n in counts.items()),
            hint="pass the number of steps: count=…",
        )
    return next(iter(counts.values()), None)


def adopted(
    tx: TransformLike,
    params: Params,
    moments: Mapping[str, list[Any]],
    count: int | None,
    numbers: Mapping[str, Any],
) -> State:
    """Return the state of `tx` with these moments after `count` steps.

    Args:
        tx: the transform to continue with.
        params: the parameters.
        moments: by name in `PIECES`, the moment of each leaf, or None.
        count: the number of steps taken; None if unknown.
        numbers: hyperparameters by name, for a state that keeps them.

    Raises:
        TransformError: a slot has no moment, a moment has no slot, shapes differ, or a
            scalar of the state does not follow from the number of steps.
    """
    tx = as_transform(tx)
    # because transforms of `adamx.optax` have states in the layout of Optax
    tx = Transform.of(tx.plan.pieces, NoCall(tx.call))
    if count is not None:
        Whole(0).check("the old state", "count", count)
    taken: dict[str, set[int]] = {name: set() for name in moments}
    paths = key_paths(params)
    parts = []
    for part in parts_of(tx, params):
        if part.is_slot:
            part = _filled(part, moments, taken, paths)
        elif part.path[-2:-1] == ("hyperparams",) and part.path[-1] in numbers:
            value = numbers[part.path[-1]]
            if not fits(value, part.value):
                raise TransformError(
                    f"the old state's hyperparameter {part.path[-1]!r} does not fit",
                    piece=shown(part.path[:-1]),
                    expected=outline(part.value),
                    got=outline(value),
                )
            part = part._replace(value=placed(value, part.value))
        parts.append(part)
    for name, mine in taken.items():
        if not mine and any(leaf is not None for leaf in moments[name]):
            raise TransformError(
                "the transform has no place for a moment of the state",
                piece=repr(tx),
                expected=f"a slot {name!r} of {' or '.join(PIECES[name])}",
                got=", ".join(shown(part.path) for part in parts) or "no state",
                hint="build the optimizer with the same options as the old one",
            )
    return joined(rehearsed(tx, params, parts, count))


def _filled(
    part: Part,
    moments: Mapping[str, list[Any]],
    taken: Mapping[str, set[int]],
    paths: list[str],
) -> Part:
    *_, piece, name = ("", *part.path)
    if name not in moments or piece not in PIECES[name]:
        raise TransformError(
            f"there is nothing to fill the slot {name!r} with",
            piece=shown(part.path[:-1]),
            expected=f"a state with {name!r} in it",
            got=f"one with {sorted(moments)}",
            hint="bring the state into the optimizer alone, then use adamx.migrate",
        )
    leaves, treedef = flatten(part.value)
    if len(leaves) != len(paths):
        raise TransformError(
            f"the slot {name!r} is encoded or factored, and the old state's is not",
            piece=shown(part.path[:-1]),
            expected="one array for each parameter",
            got=", ".join(part.value),
            hint="bring the state into the plain optimizer, then use adamx.migrate",
        )
    for i, (fresh, old) in enumerate(zip(leaves, moments[name], strict=True)):
        if fresh is None:
            continue
        if i in taken[name]:
            raise TransformError(
                f"two slots would be filled with one {name!r}",
                where=paths[i],
                piece=shown(part.path[:-1]),
                expected="one slot for each moment and parameter",
                got="more",
            )
        if old is None or not fits(old, fresh):
            raise TransformError(
                f"the {name!r} of the old state does not fit the parameter",
                where=paths[i],
                piece=shown(part.path[:-1]),
                expected=outline(fresh),
                got="nothing" if old is None else outline(old),
            )
        taken[name].add(i)
        leaves[i] = placed(old, fresh)
    return part._replace(value=treedef.unflatten(leaves))
