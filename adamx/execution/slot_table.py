"""The slots of all leaves: trees like the parameters, inside of dicts by name.

A rule may keep a container of arrays for a leaf, such as the codes and scales of a
codec. In a state this slot is a dict with a tree for each name in the containers; a
tree has None for a leaf without an array of its name. The user's tree is innermost,
because Flax's nnx, Orbax and sharding rules expect it there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
from jax.tree_util import all_leaves

from adamx.tree.paths import MISFITS, PyTreeDef, names

Path: TypeAlias = tuple[str, ...]

ARRAY = "array"
"""The name of the tree of leaves that keep one array where others keep several."""


class Parts(NamedTuple):
    """The arrays in the slots of one leaf, by name, and their containers."""

    names: tuple[Path, ...]
    arrays: list[Any]
    container: PyTreeDef

    @staticmethod
    def of(slots: Any) -> "Parts":
        """Split slots into parts; None and empty containers have no parts."""
        pairs, container = jax.tree_util.tree_flatten_with_path(slots)
        paths = tuple(names(path) for path, _ in pairs)
        return Parts(paths, [array for _, array in pairs], container)


class SlotTable:
    """The arrays in the slots of all leaves: a list over the leaves for each path."""

    def __init__(self, treedef: PyTreeDef, lists: dict[Path, list[Any]]) -> None:
        self.treedef, self.lists = treedef, lists
        self._inner = {path[:n] for path in lists for n in range(len(path))}

    @staticmethod
    def of(
        treedef: PyTreeDef, rows: Sequence[Parts | None], slots: Iterable[Path]
    ) -> "SlotTable":
        """Return the table of these rows, one per leaf, with a tree for each slot."""
        found = dict.fromkeys(path for row in rows if row for path in row.names)
        table = SlotTable(treedef, {path: [] for path in found})
        # Rename the lists now, because `_at` has to compare all paths.
        table.lists = {table._at(path): [None] * len(rows) for path in found}
        for slot in slots:
            if not any(path[: len(slot)] == slot for path in found):
                table.lists[slot] = [None] * len(rows)
        for i, row in enumerate(rows):
            if row:
                for column, x in zip(table.columns(row.names), row.arrays, strict=True):
                    column[i] = x
        return table

    @staticmethod
    def read(
        treedef: PyTreeDef,
        leaves: Sequence[Any],
        slots: Mapping[Path, Any],
        mismatch: Callable[[Path, Any], Any],
    ) -> "SlotTable":
        """Return the table of the slots in a state, by path.

        `leaves` are the leaves of the updates. `mismatch(path, tree)` raises the error
        about a tree that differs from the updates.
        """
        lists: dict[Path, list[Any]] = {}
        for path, slot in slots.items():
            found = _lists(treedef, leaves, slot, mismatch, path, path)
            if not found:
                mismatch(path, slot)
            lists |= found
        return SlotTable(treedef, lists)

    def columns(self, paths: Iterable[Path]) -> list[list[Any]]:
        """Return the lists of arrays at these paths, empty for an absent path."""
        return [self.lists.get(p) or self.lists.get(self._at(p), []) for p in paths]

    def arrays(self, i: int) -> list[Any]:
        """Return all arrays of a leaf."""
        return [column[i] for column in self.lists.values() if column[i] is not None]

    def trees(self) -> list[tuple[Path, Any]]:
        """Return the trees of a state, each with its path."""
        return [(p, self.treedef.unflatten(xs)) for p, xs in self.lists.items()]

    def tree(self) -> Any:
        """Return the table as nested dicts, or the tree at the empty path alone."""
        found: Any = {}
        for path, tree in self.trees():
            if not path:
                return tree
            put(found, path, tree)
        return found

    def _at(self, path: Path) -> Path:
        """Return the path of a list, plus `ARRAY` if others are nested under it."""
        while path in self._inner:
            path = (*path, ARRAY)
        return path


def put(state: dict[str, Any], path: Path, value: Any) -> None:
    """Put `value` at `path`, making the dicts on the way."""
    for name in path[:-1]:
        state = state.setdefault(name, {})
    state[path[-1]] = value


def _lists(
    treedef: PyTreeDef,
    leaves: Sequence[Any],
    slot: Any,
    mismatch: Callable[[Path, Any], Any],
    at: Path,
    path: Path,
) -> dict[Path, list[Any]]:
    """Return the trees in the slot `at` of a state, flattened, by path.

    Return an empty dict if no tree is like the updates. If only some trees are, call
    `mismatch` with the others.
    """
    column = _flat(treedef, leaves, slot)
    if column is not None:
        return {path: column}
    if not isinstance(slot, Mapping):
        return {}
    found = {
        name: _lists(treedef, leaves, child, mismatch, at, (*path, name))
        for name, child in slot.items()
    }
    if any(found.values()):
        for name, lists in found.items():
            if not lists:
                mismatch(at, slot[name])
    return {at: lists for part in found.values() for at, lists in part.items()}


def _flat(treedef: PyTreeDef, leaves: Sequence[Any], tree: Any) -> list[Any] | None:
    """Return the leaves of a tree like the updates; None for any other tree.

    Its entries must be leaves, because `flatten_up_to` also accepts a dict of trees, if
    the updates are a single leaf or have the same names.
    """
    try:
        column = treedef.flatten_up_to(tree)
    except MISFITS:
        return None
    pairs = zip(column, leaves, strict=True)
    there = [x for x, u in pairs if u is not None and x is not None]
    return column if all_leaves(there) else None
