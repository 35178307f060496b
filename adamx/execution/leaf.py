"""The jitted functions of one leaf, traced once for each kind of leaf."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.rule import Stacked
from adamx.errors import TransformError
from adamx.execution.sharding import is_typed, spread_like
from adamx.execution.stack import stacked
from adamx.hyperparameters.static import merge, remembered
from adamx.numerics.dtypes import cast, cast_like, cast_scalar, scalar_dtype
from adamx.tree.leaves import is_prng_key
from adamx.tree.paths import MISFITS, PyTreeDef
from adamx.types import Array

Step: TypeAlias = Callable[..., tuple[Array, list[Any]]]
"""`(numbers, shared, own, g, slots, param) -> (update, next slots)`: the numbers of the
rule and the shared entries; then, for one leaf, its own entries, its update, a list of
its slots, and its parameter or None."""


class LeafList(list[Any]):
    """The leaves of an argument of update; `step` gets the entry of its leaf."""


class SharedView(NamedTuple):
    """The structure of the shared entries, and which of them differ by leaf."""

    structure: PyTreeDef
    trees: tuple[int, ...]
    """The indices of the entries with a value for each leaf."""
    keys: tuple[int, ...]
    """The indices of the random keys, which are folded with the leaf's number."""

    @staticmethod
    def of(shared: Any) -> tuple["SharedView", list[Any]]:
        """Return the view of `shared`, and its entries."""
        entries, structure = jax.tree.flatten(shared)
        trees = [k for k, x in enumerate(entries) if type(x) is LeafList]
        keys = [k for k, x in enumerate(entries) if is_prng_key(x)]
        return SharedView(structure, tuple(trees), tuple(keys)), entries

    def of_leaf(self, entries: Sequence[Any], own: Sequence[Any]) -> Any:
        """Return `shared` for one leaf; `own` is its number and its tree entries."""
        seen = list(entries)
        number, *parts = own
        for k, x in zip(self.trees, parts, strict=True):
            seen[k] = x
        for k in self.keys:
            seen[k] = jax.random.fold_in(seen[k], number)
        return self.structure.unflatten(seen)


@remembered
def leaf_step(
    static: Any, view: SharedView, slots: PyTreeDef, elementwise: bool
) -> Step:
    """Return the jitted step of one leaf, traced once for all leaves of one kind.

    Equal rules of different optimizers share it. On an explicit mesh, results of rules
    that are not `elementwise` get the shardings of the gradient and the slots.
    """
    one = _step(static, view, slots)
    if elementwise:
        return jax.jit(one)

    def step(numbers: list[Any], shared: Any, own: Any, g: Array, *rest: Any) -> Any:
        given = numbers, shared, own, g, *rest
        return spread_like((g, rest[0]), one, *given) if is_typed(g) else one(*given)

    return jax.jit(step)


@remembered
def stacked_step(
    static: Any, view: SharedView, slots: PyTreeDef, how: Stacked
) -> Callable[..., Any]:
    """Return the jitted step of several leaves of one kind, stacked to one array.

    It takes and returns lists, with an entry for each leaf. A loop waits for the array
    `after`, so that only one stack at a time is in memory.
    """
    together = stacked(_step(static, view, slots), how)

    def step(
        numbers: list[Any], shared: Any, after: Array | None, *leaves: list[Any]
    ) -> Any:
        _, gradients, rows, _ = leaves
        like = [*zip(gradients, rows, strict=True)]
        return spread_like(like, together, numbers, shared, after, *leaves)

    return jax.jit(step)


def _step(static: Any, view: SharedView, structure: PyTreeDef) -> Step:
    def step(
        numbers: list[Any], shared: Any, own: Any, g: Array, slots: Any, param: Any
    ) -> tuple[Array, list[Any]]:
        rule = merge(numbers, static)
        seen = view.of_leaf(shared, own)
        if param is not None and param.dtype != g.dtype:
            param = cast(param, g.dtype)
        u, new = rule.step(g, structure.unflatten(slots), seen, param)
        try:
            pairs = zip(structure.flatten_up_to(new), slots, strict=True)
        except MISFITS as error:
            raise _other_slots(structure, new) from error
        u, *kept = cast_like((u, g), *pairs)
        return u, kept

    return step


def _other_slots(structure: PyTreeDef, slots: Any) -> TransformError:
    """Return the error about a `step` that returns other slots than `slots` made."""
    return TransformError(
        "`step` does not return the slots that `slots` began with",
        expected=structure.unflatten(["an array"] * structure.num_leaves),
        got=jax.tree.map(lambda _: "an array", slots),
    )


@remembered
def leaf_measure(
    static: Any, measure: Callable[..., Any], view: SharedView, structure: PyTreeDef
) -> Callable[..., Any]:
    """Return the jitted `measure` of one leaf; its results have the widest dtype."""

    def measured(
        numbers: list[Any], shared: Any, own: Any, g: Array, slots: Any, param: Any
    ) -> Any:
        rule, seen = merge(numbers, static), view.of_leaf(shared, own)
        param = None if param is None else cast(jnp.asarray(param), g.dtype)
        found = measure(rule, g, structure.unflatten(slots), seen, param)
        # Add a first axis, because the results of all leaves are concatenated.
        return jax.tree.map(lambda x: cast_scalar(x, scalar_dtype())[None], found)

    return jax.jit(measured)
