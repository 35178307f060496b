"""One slot of all leaves: trees like the parameters, with containers outside of them.

A rule may keep a container of arrays for a leaf: the factors of its sides, the codes
and scales of a codec. In a state such a slot is a dict of trees, one for each name in
the containers, with None where a leaf has no array of that name. So the user's tree is
innermost, as flax's nnx, Orbax and rules of sharding expect.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax

from adamx.tree.paths import PyTreeDef, is_leaf, names

Path: TypeAlias = tuple[str, ...]

ARRAY = "array"
"""The name of the tree of leaves that keep one array where others keep several."""


class Parts(NamedTuple):
    """What a slot of one leaf is made of: its arrays by name, and their container."""

    names: tuple[Path, ...]
    arrays: list[Any]
    container: PyTreeDef

    @staticmethod
    def of(slot: Any) -> "Parts":
        """Take a slot apart; None, and a container without arrays, has no parts."""
        pairs, container = jax.tree_util.tree_flatten_with_path(slot)
        paths = tuple(names(path) for path, _ in pairs)
        return Parts(paths, [array for _, array in pairs], container)

    def slot(self, column: "Column", i: int) -> Any:
        """Return the slot of a leaf, put together from the arrays in a column."""
        return self.container.unflatten(column.get(i, self.names))


class Column:
    """The arrays of one slot for all leaves, in lists by their names in the slot."""

    def __init__(self, treedef: PyTreeDef, lists: dict[Path, list[Any]]) -> None:
        self.treedef, self.lists = treedef, lists
        self._inner = {path[:n] for path in lists for n in range(len(path))}

    @staticmethod
    def of(treedef: PyTreeDef, slots: Sequence[Any]) -> "Column":
        """Return the column of what a rule keeps for each leaf."""
        parts = [Parts.of(slot) for slot in slots]
        column = Column(treedef, {path: [] for row in parts for path in row.names})
        # Once all names are known, so is which of them are nested under another.
        column.lists = {column._at(path): [None] * len(slots) for path in column.lists}
        for i, row in enumerate(parts):
            column.put(i, row.names, row.arrays)
        return column

    @staticmethod
    def read(
        treedef: PyTreeDef,
        leaves: Sequence[Any],
        slot: Any,
        mismatch: Callable[[Any], Any],
    ) -> "Column":
        """Return the column that stands in a state as `slot`.

        `leaves` are those of the updates. `mismatch(tree)` raises the error about a
        tree that is not like them.
        """
        lists = _lists(treedef, leaves, slot, mismatch)
        if not lists:
            mismatch(slot)
        return Column(treedef, lists)

    def kind(self, i: int) -> tuple[Any, ...]:
        """Return the types of the arrays of a leaf, by name; equal for equal ones."""
        rows = ((path, column[i]) for path, column in self.lists.items())
        return tuple((path, type_of(x)) for path, x in rows if x is not None)

    def arrays(self, i: int) -> list[Any]:
        """Return the arrays of a leaf."""
        return [column[i] for column in self.lists.values() if column[i] is not None]

    def get(self, i: int, paths: Iterable[Path]) -> list[Any]:
        """Return the arrays of these names of a leaf; None for an absent one."""
        lists = (self.lists.get(self._at(path)) for path in paths)
        return [None if column is None else column[i] for column in lists]

    def put(self, i: int, paths: Iterable[Path], arrays: Iterable[Any]) -> None:
        """Put arrays of these names for a leaf."""
        for path, array in zip(paths, arrays, strict=True):
            self.lists[self._at(path)][i] = array

    def tree(self) -> Any:
        """Return the column as it stands in a state."""
        if not self.lists:
            return self.treedef.unflatten([None] * self.treedef.num_leaves)
        found: Any = {}
        for path, column in self.lists.items():
            tree, at = self.treedef.unflatten(column), found
            if not path:
                return tree
            for name in path[:-1]:
                at = at.setdefault(name, {})
            at[path[-1]] = tree
        return found

    def _at(self, path: Path) -> Path:
        """Return the name of an array's list: others may be nested under its own."""
        while path in self._inner:
            path = (*path, ARRAY)
        return path


def type_of(x: Any) -> Any:
    """Return what a value is traced as; equal for values that share a trace."""
    aval = getattr(x, "aval", None)
    # What has no type in jax may be anything, and is checked by itself.
    return id(x) if aval is None and x is not None else aval


def _lists(
    treedef: PyTreeDef,
    leaves: Sequence[Any],
    slot: Any,
    mismatch: Callable[[Any], Any],
    path: Path = (),
) -> dict[Path, list[Any]]:
    """Return the trees in a slot of a state, flat, by the names on the way to them.

    Nothing if no tree in it is like the updates. `mismatch` is called with a tree that
    is not, where another beside it is.
    """
    column = _flat(treedef, leaves, slot)
    if column is not None:
        return {path: column}
    if not isinstance(slot, Mapping):
        return {}
    found = {
        name: _lists(treedef, leaves, child, mismatch, (*path, name))
        for name, child in slot.items()
    }
    if any(found.values()):
        for name, lists in found.items():
            if not lists:
                mismatch(slot[name])
    return {at: lists for part in found.values() for at, lists in part.items()}


def _flat(treedef: PyTreeDef, leaves: Sequence[Any], tree: Any) -> list[Any] | None:
    """Return the leaves of a tree like the updates; None if it is something else.

    Where the updates have a leaf, the tree must have one too. A dict of trees has a
    subtree there, if the updates are a single leaf or have the same names.
    """
    try:
        column = treedef.flatten_up_to(tree)
    except (ValueError, TypeError, KeyError):
        return None
    pairs = zip(column, leaves, strict=True)
    return column if all(is_leaf(x) for x, u in pairs if u is not None) else None
