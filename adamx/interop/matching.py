"""Choose the entry of an old state for each entry of a new state."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.execution.slot_table import ARRAY
from adamx.interop.parts import Path, entries, equal, fits, outline


@dataclasses.dataclass(frozen=True, eq=False)
class Want:
    """An entry of the new state, which is carried as a whole or made by `init`."""

    part: Path
    leaf: Path
    """The path of the leaf below the slot; empty for scalars."""
    value: Any
    """The value from `init`."""
    is_slot: bool

    @property
    def path(self) -> Path:
        """Return the path in the new state."""
        return (*self.part, *self.leaf)

    @property
    def tail(self) -> Path:
        """Return the names of piece, slot and leaf, which must agree in both states.

        A foreign pair has one value under its own name, and no slots.
        """
        is_ours = self.is_slot or isinstance(self.value, jax.Array | list)
        return _bare((*self.part[-2 if is_ours else -1 :], *self.leaf))


class Fate(NamedTuple):
    """The source of an entry, or the reason why the entry is that of `init`."""

    source: Path = ()
    mismatch: tuple[str, str] | None = None
    """The expected value, and the value in the old state."""
    ambiguous: tuple[Path, ...] = ()
    without: Path = ()
    """The entry without which this one cannot be carried."""

    @property
    def carried(self) -> bool:
        """Return whether the entry is taken from the old state."""
        return bool(self.source) and not (self.mismatch or self.without)


Fates = dict[Want, Fate]


def decided(
    wanted: list[Want], old: Mapping[Path, Any], unread: set[Path]
) -> dict[Want, Fate]:
    """Return the fate of each entry; `unread` are the scalars that no step reads."""
    fates = {
        want: _fate(want, found, old)
        for want, found in zip(wanted, _sources(wanted, old), strict=True)
    }
    slots = [want for want in wanted if want.is_slot]
    claims = Counter(fates[want].source for want in slots)
    for want in slots:
        source = fates[want].source
        if source and claims[source] > 1:
            fates[want] = Fate(ambiguous=(source,))
    _keep_together(fates, unread)
    return fates


def value_at(old: Mapping[Path, Any], path: Path, like: Any) -> Any:
    """Return the entry at `path`, in the structure of `like`, or None if it differs."""
    n, names = len(path), entries(like)
    if path in old:
        return old[path] if names.keys() == {()} else None
    found = {q[n:]: leaf for q, leaf in old.items() if q[:n] == path}
    if found.keys() != names.keys():
        return None
    return jax.tree.unflatten(jax.tree.structure(like), [found[k] for k in names])


def _sources(wanted: list[Want], old: Mapping[Path, Any]) -> Iterator[list[Path]]:
    """Yield for each entry the old paths that match it equally well."""
    # Containers above a leaf are candidates too, because a list of scalars is one
    # entry.
    there = {path[:n]: None for path in old for n in range(1, len(path) + 1)}
    taken = {want.path for want in wanted if want.path in there}
    lengths = {len(want.tail) for want in wanted}
    by_tail: dict[Path, list[Path]] = {}
    for path in there:
        bare = _bare(path)
        for n in lengths:
            if path not in taken and n <= len(bare):
                by_tail.setdefault(bare[-n:], []).append(path)
    for want in wanted:
        if want.path in taken:
            yield [want.path]
            continue
        several = by_tail.get(want.tail, [])
        scores = [_agreement(path, want.path) for path in several]
        best = max(scores, default=0)
        yield [p for p, score in zip(several, scores, strict=True) if score == best]


def _bare(path: Path) -> Path:
    """Return `path` without `ARRAY`, the name of plain arrays beside encoded ones."""
    return tuple(name for name in path if name != ARRAY)


def _agreement(path: Path, other: Path) -> int:
    """Return the number of equal names at the end of two paths."""
    pairs = zip(reversed(path), reversed(other), strict=False)
    shorter = min(len(path), len(other))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), shorter)


def _fate(want: Want, found: list[Path], old: Mapping[Path, Any]) -> Fate:
    if not found:
        return Fate()
    first, *others = [value_at(old, path, want.value) for path in found]
    if not all(equal(first, other) for other in others):
        return Fate(ambiguous=tuple(found))
    source = found[0]
    if first is None or not fits(first, want.value):
        got = [old[q] for q in old if q[: len(source)] == source]
        return Fate(source, mismatch=(outline(want.value), outline(got)))
    return Fate(source)


def _keep_together(fates: Fates, unread: set[Path]) -> None:
    """Hold back moments whose scalars are not carried, and scalars without moments."""
    # Only floats that a step reads matter: an old moment with a fresh bias correction
    # would make a step that is far too long.
    scalars = {
        want: [slot for slot in fates if slot.is_slot and _speaks_of(want, slot)]
        for want in fates
        if not want.is_slot and want.path not in unread and _is_float(want.value)
    }
    for scalar, slots in scalars.items():
        if not fates[scalar].carried:
            for slot in slots:
                if fates[slot].carried:
                    fates[slot] = fates[slot]._replace(without=scalar.path)
    for scalar, slots in scalars.items():
        alone = slots and not any(fates[slot].carried for slot in slots)
        if alone and fates[scalar].carried:
            fates[scalar] = fates[scalar]._replace(without=slots[0].path)


def _speaks_of(scalar: Want, slot: Want) -> bool:
    """Return whether the slot is of the scalar's piece, and not of one inside it."""
    owner = scalar.part[:-1]
    n = len(owner)
    return slot.part[:n] == owner and "inner" not in slot.part[n:]


def _is_float(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return any(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves)
