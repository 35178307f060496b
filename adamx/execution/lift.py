"""From one array to trees: the only place that knows both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.node import Node
from adamx.core.rule import (
    Identity,
    Live,
    PerLeaf,
    Ready,
    Rule,
    Series,
    Stacked,
    is_one,
    walk,
)
from adamx.errors import TransformError
from adamx.execution.column import Column, Parts, Path, type_of
from adamx.execution.leaf import KeyOf, leaf_measure, leaf_step, stacked_step
from adamx.execution.slots import Slots, get, put, without
from adamx.hyperparameters.static import split
from adamx.numerics.dtypes import common_dtype, compute_dtype, convert
from adamx.tree.check import argument, matched, needed_params, optimizable, path_of
from adamx.tree.paths import describe, flatten
from adamx.tree.record import is_key
from adamx.types import Array, Params, Updates


class Lifted(Node):
    """Rules in series, applied to every leaf of a tree.

    Keeps, once for all rules, what the numerics contract asks: float32 or better
    throughout, a state whose shapes and dtypes never change, None passed through,
    one error with key path and piece for whatever does not fit.
    """

    rules: tuple[tuple[str, Rule], ...]

    @cached_property
    def _kept(self) -> Slots:
        """What the rules keep; with the programs that make it, as long as they live."""
        return Slots.of(Series(self.rules))

    def needs(self) -> frozenset[str]:
        return frozenset(n for _, rule in self._walk() for n in _arguments(rule))

    def init(self, params: Params) -> dict[str, Any]:
        leaves, treedef = flatten(params)
        series = Series(self.rules)
        state = series.start()
        kept = self._kept
        empty = (None,) * len(kept.paths)
        rows = []
        for i, leaf in enumerate(leaves):
            if leaf is not None:
                leaf = self._checked(leaf, partial(path_of, params, i))
            rows.append(empty if leaf is None else kept.fresh(series, leaf))
        for k, path in enumerate(kept.paths):
            put(state, path, Column.of(treedef, [row[k] for row in rows]).tree())
        return state

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        self._check_arguments(updates, params, extra)
        series = Series(self.rules)
        kept = self._kept
        paths = kept.paths
        leaves, treedef = flatten(updates)
        where = partial(path_of, updates)
        batch = self._batch(leaves)
        none = [None] * len(leaves)
        owners = none
        if params is not None:
            owners = matched(treedef, params, "params", updates)
        columns = [self._column(treedef, updates, leaves, state, p) for p in paths]
        fits: dict[Any, tuple[Any, tuple[Parts, ...]]] = {}
        parts: list[tuple[Parts, ...]] = [()] * len(leaves)
        rows: list[tuple[Any, ...]] = [()] * len(leaves)
        for i, (g, p) in enumerate(zip(leaves, owners, strict=True)):
            if g is not None:
                kind = type_of(g), type_of(p), *(column.kind(i) for column in columns)
                if kind not in fits:
                    fits[kind] = self._fitted(kept, g, columns, i, p, batch, where)
                dtype, parts[i] = fits[kind]
                leaves[i] = convert(jnp.asarray(g), dtype)
                pairs = zip(parts[i], columns, strict=True)
                rows[i] = tuple(part.slot(column, i) for part, column in pairs)
        if not any(rule.needs_params for _, rule in self._walk()):
            owners = none
        names = {name for name, _ in self.rules}
        shared = without({k: v for k, v in state.items() if k in names}, paths)
        kept.check_shared(shared)
        views = partial(self._views, treedef, updates, extra, len(batch))
        if self.rules and self.rules[0][1].locality == "tree":
            there = [i for i, g in enumerate(leaves) if g is not None]
            named = [(i, leaves[i], rows[i], owners[i]) for i in there]
            series = self._gathered(paths, named, shared, extra, views, batch)
        live = series.tick(shared, extra)
        new_state = self._kept_alike(live.shared, shared)
        if type(live.rule) is not Identity or not is_one(live.gain):
            arrays, static = split((live.rule, live.gain))
            step, view = leaf_step(static, paths), views(live.view)
            each = [
                None if g is None else (view(i, g), g, row, p)
                for i, (g, row, p) in enumerate(zip(leaves, rows, owners, strict=True))
            ]
            how, after = self._stacked(), None
            for group in _groups(each, how):
                given = [each[i] for i in group]
                if len(group) == 1:
                    new = [step(arrays, *given[0])]  # pyright: ignore
                else:
                    lists = map(list, zip(*given, strict=True))  # pyright: ignore
                    new = stacked_step(static, paths, how)(arrays, after, *lists)
                    after = new[-1][0]
                for i, (u, row) in zip(group, new, strict=True):
                    leaves[i] = u
                    for part, column, slot in zip(parts[i], columns, row, strict=True):
                        column.put(i, part.names, jax.tree.leaves(slot))
        for path, column in zip(paths, columns, strict=True):
            put(new_state, path, column.tree())
        return treedef.unflatten(leaves), new_state

    def _stacked(self) -> Stacked:
        """How leaves are stacked: as the first rule says that asks for it."""
        return next((how for _, r in self._walk() if (how := r.stacks())), None)

    def _walk(self) -> list[tuple[str, Rule]]:
        return [pair for part in self.rules for pair in walk(*part)]

    def _name(self) -> str:
        return ", ".join(name for name, _ in self.rules)

    def _check_arguments(
        self, updates: Updates, params: Params | None, extra: Mapping[str, Any]
    ) -> None:
        # A single leaf that is another part's is None, and so are the parameters.
        some = bool(jax.tree.leaves(updates))
        for name, rule in self._walk():
            for wanted in _arguments(rule):
                argument(wanted, extra, name)
            if rule.needs_params and some:
                needed_params(params, name)

    def _checked(self, leaf: Any, where: Callable[[], str]) -> Any:
        """`leaf` as an array that can be optimized, or an error that says where."""
        return optimizable(leaf, where, self._name())

    def _column(
        self,
        treedef: Any,
        updates: Updates,
        leaves: Sequence[Any],
        state: Any,
        path: Path,
    ) -> Column:
        """The slot that stands at `path`, or an error where it is not like updates."""
        differs = partial(
            matched, treedef, what=f"slot {path[-1]!r}", like=updates, piece=path[-2]
        )
        return Column.read(treedef, leaves, get(state, path), differs)

    def _fitted(
        self,
        kept: Slots,
        g: Any,
        columns: Sequence[Column],
        i: int,
        param: Any,
        batch: tuple[int, ...],
        where_of: Callable[[int], str],
    ) -> tuple[Any, tuple[Parts, ...]]:
        """The dtype to compute a leaf in and its slots, once they fit together."""
        where = partial(where_of, i)
        # The parameter first: it says more of an integer than its gradient of float0.
        owner = self._checked(g if param is None else param, where)
        g = owner if param is None else self._checked(g, where)
        real, axes = not jnp.iscomplexobj(owner), len(batch)
        if g.shape != (*batch, *owner.shape) or (jnp.iscomplexobj(g) and real):
            raise TransformError(
                "an update does not fit its parameter",
                where=where(),
                piece=self._name(),
                expected=_counted(batch, owner.shape, owner.dtype),
                got=_counted(g.shape[:axes], g.shape[axes:], g.dtype),
                do="give a gradient for each example: jax.vmap" if batch else None,
            )
        dtype = compute_dtype(owner.dtype)
        if param is None:
            dtypes = [x.dtype for column in columns for x in column.arrays(i)]
            floats = [d for d in dtypes if jnp.issubdtype(d, jnp.inexact)]
            dtype = common_dtype(dtype, *floats)
        parts = kept.parts(owner.shape, dtype)
        wrong = kept.misfit(parts, columns, i, exact=param is not None)
        if wrong is not None:
            path, expected, got = wrong
            raise TransformError(
                f"the state's {path[-1]!r} does not fit the update",
                where=where(),
                piece=path[-2],
                expected=expected,
                got=got,
                do="use the state that init made for these parameters",
            )
        return dtype, parts

    def _batch(self, leaves: list[Any]) -> tuple[int, ...]:
        """The axes that updates have before those of their parameters: none, or one."""
        if not any(rule.batched for _, rule in self._walk()):
            return ()
        shapes = [jnp.shape(g) for g in leaves if g is not None]
        return shapes[0][:1] if shapes and shapes[0] else (1,)

    def _views(
        self,
        treedef: Any,
        updates: Updates,
        extra: Mapping[str, Any],
        skip: int,
        view: Any,
    ) -> Callable[[int, Array], Any]:
        """From a leaf's number and update to what of the shared its `step` sees."""
        seen, structure = jax.tree.flatten(view)
        trees = {k: x.name for k, x in enumerate(seen) if isinstance(x, PerLeaf)}
        keys = [k for k, x in enumerate(seen) if is_key(x)]
        if not trees and not keys:
            return lambda i, g: view
        columns = {
            n: matched(treedef, extra[n], n, updates, self._name())
            for n in trees.values()
        }

        # Absent leaves are not counted: noise is the same without frozen ones.
        numbers = [*accumulate(leaf is not None for leaf in flatten(updates)[0])]

        def of_leaf(i: int, g: Array) -> Any:
            mine = list(seen)
            for k in keys:
                mine[k] = KeyOf(seen[k], numbers[i])
            for k, name in trees.items():
                like = jax.ShapeDtypeStruct(g.shape[skip:], g.dtype)
                mine[k] = self._like(columns[name][i], like, name, updates, i)
            return structure.unflatten(mine)

        return of_leaf

    def _like(self, x: Any, g: Any, what: str, updates: Updates, i: int) -> Array:
        if x is None or jnp.shape(x) != g.shape:
            raise TransformError(
                f"{what} does not fit the update",
                where=path_of(updates, i),
                piece=self._name(),
                expected=f"an array of shape {g.shape}",
                got="None" if x is None else f"an array of shape {jnp.shape(x)}",
            )
        return convert(jnp.asarray(x), g.dtype)

    def _kept_alike(self, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
        """What is shared, in the dtypes it had before."""
        if jax.tree.structure(new) != jax.tree.structure(old):
            raise TransformError(
                "`advance` does not return what `shared` began with",
                piece=self._name(),
                expected=jax.tree.structure(old),
                got=jax.tree.structure(new),
            )
        return jax.tree.map(lambda n, o: convert(jnp.asarray(n), o.dtype), new, old)

    def _gathered(
        self,
        paths: tuple[Path, ...],
        leaves: Sequence[tuple[int, Array, Sequence[Any], Any]],
        shared: dict[str, Any],
        extra: Mapping[str, Any],
        views: Callable[[Any], Callable[[int, Array], Any]],
        batch: tuple[int, ...],
    ) -> Series:
        """Let a first rule that needs all leaves see them."""
        name, head = self.rules[0]
        live = head.tick(shared.get(name, {}), extra)
        arrays, static = split(live.rule)
        mine = [k for k, path in enumerate(paths) if path[0] == name]
        below = tuple(paths[k][1:] for k in mine)
        measure = leaf_measure(static, below)
        if leaves:
            view, rows = views(live.view), []
            for i, g, row, param in leaves:
                kept = [row[k] for k in mine]
                owner = param if head.needs_params else None
                rows.append(measure(arrays, view(i, g), g, kept, owner))
        else:
            rows = [measure(arrays, *_no_leaf(live, below, batch))]
        measured = jax.tree.map(lambda *x: _concatenated(x), *rows)
        seen = live.rule.gather(live.view, measured)
        kept = {k: seen.get(k, old) for k, old in live.shared.items()}
        ready = Ready(live._replace(shared=kept, view=seen))
        return Series(((name, ready), *self.rules[1:]))


def cast_node(name: str) -> Lifted:
    """Return the node that checks updates and casts them to the compute dtype."""
    return Lifted(((name, Identity()),))


def _groups(
    each: Sequence[tuple[Any, ...] | None], how: Stacked
) -> Iterable[list[int]]:
    """The numbers of the leaves that go through one step together."""
    there = [i for i, given in enumerate(each) if given is not None]
    if how is None:
        return [[i] for i in there]
    groups: dict[Any, list[int]] = {}
    for i in there:
        arrays, structure = jax.tree.flatten(each[i])
        # With its dtype and shape, on an explicit mesh the type says where it is.
        kind = structure, tuple(map(jax.typeof, arrays))
        groups.setdefault(kind, []).append(i)
    return groups.values()


def _arguments(rule: Rule) -> tuple[str, ...]:
    return (*rule.needs, *rule.needs_trees)


def _counted(batch: tuple[int, ...], shape: tuple[int, ...], dtype: Any) -> str:
    """What an array is; of a batch, one example."""
    one = describe(jax.ShapeDtypeStruct(shape, dtype))
    return f"{batch[0]} examples of {one}" if batch else one


def _no_leaf(
    live: Live, paths: tuple[Path, ...], batch: tuple[int, ...]
) -> tuple[Any, ...]:
    """An empty array, as `measure` is given it, for a tree without leaves."""
    empty = jnp.zeros(0)
    view = jax.tree.map(lambda x: empty if isinstance(x, PerLeaf) else x, live.view)
    slots = live.rule.slots(empty)
    row = [get(slots, path) for path in paths]
    return view, jnp.zeros((*batch, 0)), row, empty


def _concatenated(rows: Sequence[Array]) -> Array:
    return rows[0] if len(rows) == 1 else jax.lax.concatenate(rows, 0)
