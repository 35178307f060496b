"""Rules in series, applied to the leaves of a tree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule, Series, Stacked, iter_rules
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.execution.leaf import SharedView, leaf_measure, leaf_step, stacked_step
from adamx.execution.leaf_table import LeafTable, checked_leaves
from adamx.execution.slot_table import SlotTable, put
from adamx.execution.state_layout import StateLayout
from adamx.hyperparameters.static import Static, split
from adamx.numerics.dtypes import cast_scalar, real_dtype, scalar_dtype
from adamx.tree.check import argument, needed_params, path_of
from adamx.tree.paths import simple_paths, structure
from adamx.types import Array, Params, PyTree, Shared, Updates


class Facts(NamedTuple):
    """Static facts about rules in series."""

    piece: str
    """The names of the rules, for errors."""
    arguments: tuple[tuple[str, str], ...]
    """The arguments of update that rules read, each as (rule, argument)."""
    trees: frozenset[str]
    """The arguments that are trees like the parameters."""
    need_params: tuple[str, ...]
    """The names of the rules that need the parameters."""
    need_path: bool
    """Whether a rule depends on the path of the leaf."""
    elementwise: bool
    """Whether every rule acts on each number on its own."""
    batched: bool
    changes: bool
    """Whether a rule is resolved in each step."""
    stacked: Stacked
    """How leaves are stacked: the first `stacks()` of a rule that is not None."""

    @staticmethod
    def of(rules: Sequence[tuple[str, Rule]]) -> "Facts":
        """Collect the facts of all rules, nested rules included."""
        every = [pair for part in rules for pair in iter_rules(*part)]
        return Facts(
            ", ".join(name for name, _ in rules),
            tuple((n, a) for n, r in every for a in (*r.needs, *r.needs_trees)),
            frozenset(a for _, r in every for a in r.needs_trees),
            tuple(name for name, r in every if r.needs_params),
            any(r.needs_path for _, r in every),
            all(r.locality == "element" for _, r in every),
            any(r.batched for _, r in every),
            any(r.changes() for _, r in every),
            next((how for _, r in every if (how := r.stacks())), None),
        )


class Kind(NamedTuple):
    """Rules in series for a kind of leaf, split into numbers and a static part."""

    series: Series
    layout: StateLayout
    numbers: list[Any]
    static: Static

    @staticmethod
    def of(series: Series, layout: StateLayout) -> "Kind":
        """Split the rules into numbers and a static part."""
        return Kind(series, layout, *split(series))

    def resolve(self, shared: Shared) -> "Kind":
        """Return the rules with the numbers of this step."""
        numbers, static = split(self.series.resolve(shared))
        return self._replace(numbers=numbers, static=static)


KindOf: TypeAlias = Callable[[int, tuple[int, ...]], Kind]
"""A function from the index and shape of a leaf to the rules for it."""


class RuleNode(TreeTransform):
    """Rules in series, applied to every leaf of a tree.

    It keeps the numerics contract for all rules: at least float32 throughout, constant
    shapes and dtypes of the state, None passed through, and errors with key path and
    piece.
    """

    rules: tuple[tuple[str, Rule], ...]

    @cached_property
    def _series(self) -> Series:
        return Series(self.rules)

    @cached_property
    def _facts(self) -> Facts:
        return Facts.of(self.rules)

    @cached_property
    def _of_any_leaf(self) -> Kind:
        return Kind.of(self._series, StateLayout.of(self._series))

    @cached_property
    def _known(self) -> tuple[dict[Any, list[str]], dict[Any, Kind]]:
        """Return two caches: paths by tree structure, and rules by path and shape."""
        return {}, {}

    def _kinds(self, tree: PyTree) -> KindOf:
        """Return a function from the index and shape of a leaf to its rules."""
        if not self._facts.need_path:
            kind = self._of_any_leaf
            return lambda i, shape: kind
        (paths, kinds), treedef = self._known, structure(tree)
        if treedef not in paths:
            paths[treedef] = simple_paths(tree)

        def kind_of(i: int, shape: tuple[int, ...]) -> Kind:
            key = paths[treedef][i], shape
            if key not in kinds:
                where = partial(path_of, tree, i)
                series = self._series.for_leaf(*key, where)
                kinds[key] = Kind.of(series, self._of_any_leaf.layout.of_leaf(series))
            return kinds[key]

        return kind_of

    def needs(self) -> frozenset[str]:
        return frozenset(name for _, name in self._facts.arguments)

    def init(self, params: Params) -> dict[str, Any]:
        state, layout = self._series.start(), self._of_any_leaf.layout
        leaves = checked_leaves(self._facts.piece, params)
        if layout.paths or self._facts.need_path:
            kind_of = self._kinds(params)
            rows = [
                x if x is None else kind_of(i, x.shape).layout.fresh(x)
                for i, x in enumerate(leaves)
            ]
            table = SlotTable.of(structure(params), rows, layout.paths)
            for path, tree in table.trees():
                put(state, path, tree)
        return state

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        facts, layout, kind_of = (
            self._facts,
            self._of_any_leaf.layout,
            self._kinds(updates),
        )
        self._check_arguments(updates, params, extra)
        slots, shared = layout.read(state)
        table = LeafTable(
            facts.piece,
            lambda i, shape: kind_of(i, shape).layout,
            facts.batched,
            updates,
            params,
            slots,
        )
        trees = {name: table.like_updates(name, extra[name]) for name in facts.trees}
        reduction = partial(self._over_leaves, table)
        seen = self._series.advance_all(shared, {**extra, **trees}, reduction)
        self._step(table, kind_of, seen)
        new = layout.keep(seen, shared)
        for path, tree in table.slots.trees():
            put(new, path, tree)
        return table.treedef.unflatten(table.updates), new

    def _step(self, table: LeafTable, kind_of: KindOf, shared: Shared) -> None:
        """Take the step of each leaf, with one program for all leaves of one kind."""
        axes = len(table.batch)
        kinds = {i: kind_of(i, table.updates[i].shape[axes:]) for i in table.present}
        if self._facts.changes:
            each = {id(kind): kind for kind in kinds.values()}
            now = {key: kind.resolve(shared) for key, kind in each.items()}
            kinds = {i: now[id(kind)] for i, kind in kinds.items()}
        how = self._facts.stacked
        leaf = _Given(table, shared, bool(self._facts.need_params))
        after = None
        alone = how is None
        for group in [[i] for i in kinds] if alone else _groups(kinds, leaf):
            kind, structure = kinds[group[0]], table.parts[group[0]].container
            common = leaf.cast(kind.numbers, group[0])
            if len(group) == 1:
                step = leaf_step(
                    kind.static, leaf.view, structure, self._facts.elementwise
                )
                new = [step(*common, *leaf.of(group[0]))]
            else:
                lists = map(list, zip(*map(leaf.of, group), strict=True))
                together = stacked_step(kind.static, leaf.view, structure, how)
                new = together(*common, after, *lists)
                after = new[-1][0]
            for i, (update, row) in zip(group, new, strict=True):
                table.put(i, update, row)

    def _over_leaves(
        self, table: LeafTable, measure: Callable[..., PyTree], shared: Shared
    ) -> Any:
        """Call `measure`, a method of the first rule, for each leaf; see `Rule`."""
        name = self.rules[0][0] if self.rules else ""
        rule = getattr(measure, "__self__", None)
        if not isinstance(rule, Rule):
            raise TransformError(
                "over_leaves needs a method of the rule",
                piece=name,
                expected="over_leaves(self.measure, shared)",
                got=repr(measure),
            )
        function = measure.__func__  # pyright: ignore[reportFunctionMemberAccess]
        if not table.present:
            found = measure(*_no_leaf(rule, table, shared))
            return jax.tree.map(lambda x: cast_scalar(x, scalar_dtype())[None], found)
        numbers, static = split(rule)
        leaf = _Given(table, shared, rule.needs_params)
        rows = []
        for i in table.present:
            own, g, row, param = leaf.of(i)
            slots = table.parts[i].container.unflatten(row).get(name, {})
            arrays, structure = jax.tree.flatten(slots)
            program = leaf_measure(static, function, leaf.view, structure)
            rows.append(program(*leaf.cast(numbers, i), own, g, arrays, param))
        return jax.tree.map(lambda *x: _concatenated(x), *rows)

    def _check_arguments(
        self, updates: Updates, params: Params | None, extra: Mapping[str, Any]
    ) -> None:
        for piece, name in self._facts.arguments:
            argument(name, extra, piece)
        # A tree of one leaf is None for other parts of a split, and so is `params`.
        if params is None and self._facts.need_params and jax.tree.leaves(updates):
            needed_params(params, self._facts.need_params[0])


class _Given:
    """The arguments of the leaf programs, cast once for each dtype."""

    def __init__(self, table: LeafTable, shared: Shared, needs_params: bool) -> None:
        self.view, self._entries = SharedView.of(shared)
        self._table, self._needs_params = table, needs_params
        self._numbers = table.numbers() if self.view.keys else None
        self._common = list(self._entries)
        for k in self.view.trees:
            self._common[k] = None
        self._cast: dict[Any, tuple[list[Any], list[Any]]] = {}

    def of(self, i: int) -> tuple[list[Any], Array, list[Any], Any]:
        """Return the arguments of one leaf; see `Step`."""
        own = [None if self._numbers is None else self._numbers[i]]
        own += [self._entries[k][i] for k in self.view.trees]
        param = self._table.params[i] if self._needs_params else None
        slots = [column[i] for column in self._table.columns[i]]
        return own, self._table.updates[i], slots, param

    def cast(self, numbers: list[Any], i: int) -> tuple[list[Any], list[Any]]:
        """Return `numbers`, and the shared entries, in the dtype of a leaf."""
        dtype = self._table.updates[i].dtype
        key = dtype, id(numbers)
        if key not in self._cast:
            pair, real = ([*numbers], [*self._common]), real_dtype(dtype)
            for xs in pair:
                for k, x in enumerate(xs):
                    # Python numbers stay, because JAX types them weakly.
                    if hasattr(x, "dtype") and x.dtype != real:
                        xs[k] = cast_scalar(x, real)
            self._cast[key] = pair
        return self._cast[key]


def _groups(kinds: Mapping[int, Kind], leaf: _Given) -> Iterable[list[int]]:
    """Return the indices of leaves, grouped for one stacked step each."""
    groups: dict[Any, list[int]] = {}
    for i, of_leaf in kinds.items():
        arrays, structure = jax.tree.flatten(leaf.of(i))
        # On an explicit mesh the type includes the sharding.
        kind = of_leaf.static, structure, tuple(map(jax.typeof, arrays))
        groups.setdefault(kind, []).append(i)
    return groups.values()


def _no_leaf(rule: Rule, table: LeafTable, shared: Shared) -> tuple[Any, ...]:
    """Return arguments of `measure` with empty arrays, for a tree without leaves."""
    empty = jnp.zeros(0)
    view, entries = SharedView.of(shared)
    seen = view.of_leaf(entries, [0, *[empty] * len(view.trees)])
    return jnp.zeros((*table.batch, 0)), rule.slots(empty), seen, empty


def _concatenated(rows: Sequence[Array]) -> Array:
    return rows[0] if len(rows) == 1 else jax.lax.concatenate(rows, 0)
