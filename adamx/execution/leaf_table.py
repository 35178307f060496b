"""Updates, parameters and slots of a tree, leaf by leaf."""

import functools
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.rule import Series
from adamx.errors import TransformError
from adamx.execution.leaf import LeafList
from adamx.execution.slot_table import Parts, Path, SlotTable
from adamx.execution.state_layout import StateLayout, listed
from adamx.numerics.dtypes import WIDE, cast, common_dtype, compute_dtype
from adamx.tree.check import flatten_like, optimizable, path_of
from adamx.tree.paths import describe, flatten
from adamx.types import Array, Params, PyTree, Updates


def checked_leaves(piece: str, params: Params) -> list[Any]:
    """Return the leaves as arrays that can be optimized.

    Raises:
        TransformError: a leaf cannot be optimized; the error has its key path.
    """
    leaves, _ = flatten(params)
    for i, leaf in enumerate(leaves):
        quick = isinstance(leaf, jax.Array) and leaf.dtype in WIDE
        if leaf is not None and not quick:
            leaves[i] = optimizable(leaf, partial(path_of, params, i), piece)
    return leaves


def cast_tree(piece: str, updates: Updates, params: Params | None) -> Updates:
    """Return the updates in the compute dtype.

    Raises:
        TransformError: updates and parameters do not fit; the error has the key path.
    """
    table = LeafTable(
        piece, lambda i, shape: _empty_layout(), False, updates, params, {}
    )
    return table.treedef.unflatten(table.updates)


@functools.cache
def _empty_layout() -> StateLayout:
    """Return the layout of rules without state."""
    return StateLayout.of(Series(()))


class LeafTable:
    """The leaves of one step, flattened, matched, checked and cast once.

    Args:
        piece: the names of the rules, for errors.
        layout_of: the layout of the state of a leaf, by its number and shape.
        batched: whether updates have a first axis of examples.
        updates: the updates.
        params: the parameters, or None.
        slots: the slots in the state, by path.

    Raises:
        TransformError: the trees do not fit together; the error has the key path.
    """

    def __init__(
        self,
        piece: str,
        layout_of: Callable[[int, tuple[int, ...]], StateLayout],
        batched: bool,
        updates: Updates,
        params: Params | None,
        slots: Mapping[Path, Any],
    ) -> None:
        self.piece, self._layout_of, self._given = piece, layout_of, updates
        self.updates, self.treedef = flatten(updates)
        self.present = [i for i, g in enumerate(self.updates) if g is not None]
        self.params: list[Any] = [None] * len(self.updates)
        if params is not None:
            self.params = flatten_like(self.treedef, params, "params", updates)
        self.slots = SlotTable.read(self.treedef, self.updates, slots, self._differs)
        self.batch: tuple[int, ...] = ()
        if batched:
            shapes = [jnp.shape(self.updates[i]) for i in self.present]
            self.batch = shapes[0][:1] if shapes and shapes[0] else (1,)
        self.parts: dict[int, Parts] = {}
        self.columns: dict[int, list[list[Any]]] = {}
        """For each leaf, the lists of the slot table with its slots."""
        self._columns_of: dict[tuple[Path, ...], list[list[Any]]] = {}
        for i in self.present:
            self._fit(i)

    def put(self, i: int, update: Array, row: list[Any]) -> None:
        """Replace a leaf's gradient by its update, and its slots by the next slots."""
        self.updates[i] = update
        for column, x in zip(self.columns[i], row, strict=True):
            column[i] = x

    def numbers(self) -> list[int]:
        """Return the number of each leaf, from 1, to fold into random keys.

        Absent leaves are not counted, so that frozen leaves do not change the noise.
        """
        return [*accumulate(g is not None for g in self.updates)]

    def like_updates(self, name: str, tree: PyTree) -> LeafList:
        """Return the leaves of `tree`, an argument of update like the parameters."""
        found = flatten_like(self.treedef, tree, name, self._given, self.piece)
        for i in self.present:
            x, like = found[i], self.updates[i]
            shape = like.shape[len(self.batch) :]
            if x is None or jnp.shape(x) != shape:
                raise TransformError(
                    f"{name} does not fit the update",
                    where=path_of(self._given, i),
                    piece=self.piece,
                    expected=f"an array of shape {shape}",
                    got="None" if x is None else f"an array of shape {jnp.shape(x)}",
                )
            found[i] = cast(jnp.asarray(x), like.dtype)
        return LeafList(found)

    def _differs(self, path: Path, tree: Any) -> Any:
        """Raise the error about a slot with a tree that differs from the updates."""
        what, piece = f"slot {path[-1]!r}", path[-2]
        return flatten_like(self.treedef, tree, what, self._given, piece)

    def _fit(self, i: int) -> None:
        """Check that a leaf, its parameter and its slots fit, and cast the update."""
        g, param = self.updates[i], self.params[i]
        where = partial(path_of, self._given, i)
        # The parameter first, because the gradient of an integer is only a float0.
        owner = g if param is None else param
        if not isinstance(owner, jax.Array) or owner.dtype not in WIDE:
            argument = "updates" if param is None else "params"
            owner = optimizable(owner, where, self.piece, argument)
        if param is None:
            g = owner
        elif not isinstance(g, jax.Array) or g.dtype != owner.dtype:
            g = optimizable(g, where, self.piece, "updates")
        real = not jnp.iscomplexobj(owner)
        if g.shape != (*self.batch, *owner.shape) or (jnp.iscomplexobj(g) and real):
            raise self._misfit(g, owner, where())
        dtype = owner.dtype if owner.dtype in WIDE else compute_dtype(owner.dtype)
        if param is None:
            kept = [x.dtype for x in self.slots.arrays(i)]
            floats = [d for d in kept if jnp.issubdtype(d, jnp.inexact)]
            dtype = common_dtype(dtype, *floats) if floats else dtype
        layout = self._layout_of(i, owner.shape)
        parts = layout.leaf(owner.shape, dtype)
        if parts.names not in self._columns_of:
            self._columns_of[parts.names] = self.slots.columns(parts.names)
        columns = self._columns_of[parts.names]
        there = sum(column[i] is not None for column in self.slots.lists.values())
        if there != len(columns) or any(
            not column
            or column[i] is None
            or column[i].shape != x.shape
            or (param is not None and column[i].dtype != x.dtype)
            for column, x in zip(columns, parts.arrays, strict=True)
        ):
            raise self._wrong_slot(i, layout, parts, where())
        self.parts[i], self.columns[i] = parts, columns
        if g is not self.updates[i] or g.dtype != dtype or g.weak_type:
            self.updates[i] = cast(jnp.asarray(g), dtype)

    def _misfit(self, g: Any, owner: Any, where: str) -> TransformError:
        batch, axes = self.batch, len(self.batch)
        return TransformError(
            "an update does not fit its parameter",
            where=where,
            piece=self.piece,
            expected=_counted(batch, owner.shape, owner.dtype),
            got=_counted(g.shape[:axes], g.shape[axes:], g.dtype),
            hint="give a gradient for each example: jax.vmap" if batch else None,
        )

    def _wrong_slot(
        self, i: int, layout: StateLayout, parts: Parts, where: str
    ) -> TransformError:
        """Return the error about the first slot of a leaf that differs from `parts`."""
        exact = self.params[i] is not None

        def of_slot(path: Path) -> tuple[list[Any], list[Any]]:
            n = len(path)
            pairs = zip(parts.names, parts.arrays, strict=True)
            found = (c[i] for at, c in self.slots.lists.items() if at[:n] == path)
            wanted = [x for name, x in pairs if name[:n] == path]
            return wanted, [x for x in found if x is not None]

        def kinds(arrays: list[Any]) -> list[Any]:
            return [(x.shape, x.dtype if exact else None) for x in arrays]

        each = ((path, *of_slot(path)) for path in layout.paths)
        path, wanted, got = next(row for row in each if kinds(row[1]) != kinds(row[2]))
        return TransformError(
            f"the state's {path[-1]!r} does not fit the update",
            where=where,
            piece=path[-2],
            expected=listed(wanted),
            got=listed(got),
            hint="use the state that init made for these parameters",
        )


def _counted(batch: tuple[int, ...], shape: tuple[int, ...], dtype: Any) -> str:
    """Describe an array, or the examples in a batch."""
    one = describe(jax.ShapeDtypeStruct(shape, dtype))
    return f"{batch[0]} examples of {one}" if batch else one
