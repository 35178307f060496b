"""Shardings of arrays that are split into blocks or joined from blocks."""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from adamx.core.rule import Rule
from adamx.execution.sharding import is_typed, spread_as, spread_like
from adamx.hyperparameters.static import merge, split
from adamx.types import Array, Param, Shared, Slots, StepResult

# On an explicit mesh the sharding is part of the type, and each reshape into blocks
# would need one. Blocks are therefore computed under automatic axes, where XLA chooses
# the shardings; only the results are given theirs.


def stepped(
    step: Callable[..., StepResult],
    rule: Rule,
    g: Array,
    slots: Slots,
    shared: Shared,
    param: Param,
) -> StepResult:
    """Return `step(rule, g, …)`; its results are sharded like `g` and `slots`."""
    if not is_typed(g):
        return _all_sharded_like(step(rule, g, slots, shared, param), (g, slots))
    arrays, static = split(rule)

    def alike(arrays: list[Any], g: Array, slots: Slots, *rest: Any) -> Any:
        found = step(merge(arrays, static), g, slots, *rest)
        return _all_sharded_like(found, (g, slots))

    return spread_like((g, slots), alike, arrays, g, slots, shared, param)


def _all_sharded_like(found: Any, like: Any) -> Any:
    return jax.tree.map(_sharded_like, found, like)


def _sharded_like(x: Array, like: Array) -> Array:
    """Return `x` so that XLA shards it like `like`; both have the same shape."""
    # On an automatic mesh `like` has a mesh but no sharding yet, because `jax.jit`
    # traces before XLA shards the arrays.
    mesh = jax.typeof(like).sharding.mesh
    if AxisType.Auto not in mesh.axis_types or mesh.size == 1:
        return x
    # XLA gives both operands of a select one sharding. The barrier hides that `x` is
    # always selected; otherwise XLA (jaxlib 0.10) removes the select before it shards
    # the program, and `test_results_stay_where_blocks_do_not_fit` fails.
    always = jax.lax.optimization_barrier(True)
    other = jax.lax.stop_gradient(like).astype(x.dtype)
    return jax.lax.select(always, x, other)


def begun(function: Callable[[Slots], Slots], slots: Slots, like: Array) -> Slots:
    """Return `function(slots)`; arrays of the shape of `like` get its sharding."""
    if not is_typed(like):
        return function(slots)
    at = jax.typeof(like)
    whole = NamedSharding(at.sharding.mesh, PartitionSpec())
    bare = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), slots)
    places = jax.tree.map(
        lambda x: at.sharding if x.shape == at.shape else whole,
        jax.eval_shape(function, bare),
    )
    return spread_as(places, function, slots)
