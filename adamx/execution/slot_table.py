"""The slots of all leaves: trees like the parameters, with containers outside of them.

A rule may keep a container of arrays for a leaf: the factors of its sides, the codes
and scales of a codec. In a state such a slot is a dict of trees, one for each name in
the containers, with None where a leaf has no array of that name. So the user's tree is
innermost, as flax's nnx, Orbax and rules of sharding expect.
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
        """Take slots apart; None, and a container without arrays, has no parts."""
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
        """Return the table of these rows, one a leaf, with a tree for each slot."""
        found = dict.fromkeys(path for row in rows if row for path in row.names)
        table = SlotTable(treedef, {path: [] for path in found})
        # Once all paths are known, so is which of them are nested under another.
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
        """Return the table of what stands in a state, by the path of each slot.

        `leaves` are those of the updates. `mismatch(path, tree)` raises the error about
        a tree that is not like them.
        """
        lists: dict[Path, list[Any]] = {}
        for path, slot in slots.items():
            found = _lists(treedef, leaves, slot, mismatch, path, path)
            if not found:
                mismatch(path, slot)
            lists |= found
        return SlotTable(treedef, lists)

    def columns(self, paths: Iterable[Path]) -> list[list[Any]]:
        """Return the lists of the arrays of these paths; an absent one is empty."""
        return [self.lists.get(p) or self.lists.get(self._at(p), []) for p in paths]

    def arrays(self, i: int) -> list[Any]:
        """Return all arrays of a leaf."""
        return [column[i] for column in self.lists.values() if column[i] is not None]

    def trees(self) -> list[tuple[Path, Any]]:
        """Return the trees of a state, each with the path it stands at."""
        return [(p, self.treedef.unflatten(xs)) for p, xs in self.lists.items()]

    def tree(self) -> Any:
        """Return the table as it stands in a state; a tree at no path as it is."""
        found: Any = {}
        for path, tree in self.trees():
            if not path:
                return tree
            put(found, path, tree)
        return found

    def _at(self, path: Path) -> Path:
        """Return the path of an array's list: others may be nested under its own."""
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
    """Return the trees in the slot `at` of a state, flat, by the paths to them.

    Nothing if no tree in it is like the updates. `mismatch` is called with a tree that
    is not, where another beside it is.
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
    """Return the leaves of a tree like the updates; None if it is something else.

    Where the updates have a leaf, the tree must have one too. A dict of trees has a
    subtree there, if the updates are a single leaf or have the same names.
    """
    try:
        column = treedef.flatten_up_to(tree)
    except MISFITS:
        return None
    pairs = zip(column, leaves, strict=True)
    there = [x for x, u in pairs if u is not None and x is not None]
    return column if all_leaves(there) else None
