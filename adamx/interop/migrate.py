"""Carry a state over to a changed chain, as far as names and shapes allow."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.errors import TransformError
from adamx.interop.matching import Fate, Want, decided, value_at
from adamx.interop.parts import Part, Path, entries, joined, parts_of, placed, shown
from adamx.interop.rehearse import unread
from adamx.storage.convert import bare, decoded, encoded
from adamx.types import Params, State

SHOWN = 20
"""The number of rows that a report prints in each section."""


@dataclasses.dataclass(frozen=True)
class Migration:
    """The report of `migrate`; its `str` is a summary of a few lines.

    Keys are paths in the new state. All entries that are not carried are as `init`
    makes them.

    Args:
        carried: the path in the old state that each entry is carried from.
        new: paths of entries of a name that the old state does not have.
        dropped: paths in the old state that are not used.
        mismatched: the expected shape and dtype, and those in the old state.
        ambiguous: the paths in the old state that could all be the source.
        held_back: the entry that is missing, without which this one is not carried.

    Example:
        >>> print(Migration(carried={"trace/trace/w": "trace/trace/w"}))
        carried:   1
    """

    carried: Mapping[str, str] = dataclasses.field(default_factory=dict)
    new: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    ambiguous: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    held_back: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def complete(self) -> bool:
        """Return whether all entries were carried and none was dropped."""
        rest = self.mismatched, self.ambiguous, self.held_back
        return not (self.new or self.dropped or any(rest))

    def __str__(self) -> str:
        moves = Counter(_move(new, old) for new, old in self.carried.items())
        wrong = self.mismatched.items()
        sections: dict[str, tuple[int, Iterable[str]]] = {
            "carried": (
                len(self.carried),
                [f"{n} from {a} to {b}" for (a, b), n in moves.items() if a != b],
            ),
            "new": (len(self.new), self.new),
            "dropped": (len(self.dropped), self.dropped),
            "mismatch": (
                len(wrong),
                [
                    f"{path}  expected {wanted}, got {got}"
                    for path, (wanted, got) in wrong
                ],
            ),
            "ambiguous": (
                len(self.ambiguous),
                [f"{p}  from {' or '.join(q)}" for p, q in self.ambiguous.items()],
            ),
            "held back": (
                len(self.held_back),
                [f"{p}  without {q}" for p, q in self.held_back.items()],
            ),
        }
        lines = [
            line
            for title, (number, rows) in sections.items()
            if number
            for line in (f"{title + ':':<10} {number}", *_indented([*rows]))
        ]
        return "\n".join(lines) or "nothing in either state"


def _move(new: str, old: str) -> tuple[str, str]:
    """Return the prefixes of the old and the new path before their common end."""
    a, b = old.split("/"), new.split("/")
    while a and b and a[-1] == b[-1]:
        a.pop()
        b.pop()
    return "/".join(a) or "the top", "/".join(b) or "the top"


def _indented(rows: list[str]) -> list[str]:
    rest = len(rows) - SHOWN
    return [f"  {row}" for row in rows[:SHOWN]] + [f"  and {rest} more"] * (rest > 0)


def migrate(
    old_state: State,
    new_tx: TransformLike,
    params: Params,
    old_tx: TransformLike | None = None,
) -> tuple[dict[str, Any], Migration]:
    """Carry a state over to another transform, as far as names and shapes allow.

    Use it to add a clip, a schedule, another wrapper or a new head in the middle of a
    training. An entry is carried from its path in the old state. If there is none, it
    is carried from the same piece, slot and leaf at another path: the one with the most
    equal names at its end. If several paths agree equally, their entries must be equal.
    Moments are only carried together with the scalars of their piece, such as the
    weight sums of the bias correction. All other entries are as `init` makes them.

    Encoded slots are copied if the codec is the same. With `old_tx` slots are decoded
    and encoded again, so that codecs may change, also from and to float32.

    Args:
        old_state: the state of an adamx transform, nested dicts; its arrays may be
            NumPy arrays, as in some checkpoints.
        new_tx: the transform to continue with.
        params: the parameters; with `old_tx`, both states must fit their shapes.
        old_tx: the transform of the old state, to decode and encode slots.

    Returns:
        The state, like `new_tx.init(params)` in shapes and dtypes, and a `Migration`,
        the report.

    Raises:
        TransformError: `old_state` is not a state of adamx, or not of `old_tx`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"w": jnp.ones(2)}
        >>> old = adamx.sgd(0.1, momentum=0.9).init(params)
        >>> tx = adamx.MultiSteps(adamx.sgd(0.1, momentum=0.9), 4)
        >>> state, report = adamx.migrate(old, tx, params)
        >>> print(report)
        carried:   1
          1 from the top to MultiSteps/inner
        new:       3
          MultiSteps/mini_step
          MultiSteps/gradient_step
          MultiSteps/acc_grads/w
    """
    if not isinstance(old_state, dict):
        raise TransformError(
            "migrate takes a state of adamx",
            expected="the nested dicts that init or update returned",
            got=f"a {type(old_state).__name__}",
            hint="bring it over first: adamx.from_optax, adamx.from_torch",
        )
    if old_tx is None:
        return _carried(old_state, as_transform(new_tx, "migrate: new_tx"), params)
    old = as_transform(old_tx, "migrate: old_tx")
    new = as_transform(new_tx, "migrate: new_tx")
    state, report = _carried(decoded(old, old_state, params), bare(new), params)
    fresh = new.init(params)
    return jax.tree.map(placed, encoded(new, state, params), fresh), report


def _carried(
    old_state: State, new_tx: Transform, params: Params
) -> tuple[dict[str, Any], Migration]:
    parts = parts_of(new_tx, params)
    wanted = [want for part in parts for want in _wants(part)]
    old = entries(old_state)
    fates = decided(wanted, old, unread(new_tx, params, parts))
    values = {
        want.path: placed(value_at(old, fate.source, want.value), want.value)
        for want, fate in fates.items()
        if fate.carried
    }
    state = joined([part._replace(value=_refilled(part, values)) for part in parts])
    return state, _report(fates, old)


def _wants(part: Part) -> list[Want]:
    if not part.is_slot:
        return [Want(part.path, (), part.value, False)]
    leaves = entries(part.value)
    return [Want(part.path, leaf, value, True) for leaf, value in leaves.items()]


def _refilled(part: Part, values: Mapping[Path, Any]) -> Any:
    if not part.is_slot:
        # A copy, because two entries that share a buffer cannot both be donated.
        return jax.tree.map(jnp.copy, values.get(part.path, part.value))
    leaves, treedef = jax.tree.flatten(part.value)
    paths = [(*part.path, *leaf) for leaf in entries(part.value)]
    pairs = zip(paths, leaves, strict=True)
    return treedef.unflatten([values.get(path, leaf) for path, leaf in pairs])


def _report(fates: Mapping[Want, Fate], old: Mapping[Path, Any]) -> Migration:
    told = {p for f in fates.values() for p in (f.source, *f.ambiguous) if p}
    dropped = [
        shown(path)
        for path in old
        if not any(path[:n] in told for n in range(len(path) + 1))
    ]
    by_path = {shown(want.path): fate for want, fate in fates.items()}
    return Migration(
        carried={p: shown(f.source) for p, f in by_path.items() if f.carried},
        new=tuple(p for p, f in by_path.items() if f == Fate()),
        dropped=tuple(dropped),
        mismatched={p: f.mismatch for p, f in by_path.items() if f.mismatch},
        ambiguous={
            p: tuple(map(shown, f.ambiguous)) for p, f in by_path.items() if f.ambiguous
        },
        held_back={p: shown(f.without) for p, f in by_path.items() if f.without},
    )
