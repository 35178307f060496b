"""Law 16: sharded equals unsharded."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from adamx.testing.compare import leaves, same
from adamx.testing.law import NotTried, law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads

DEVICES = 8


@law(16, grid=True)
def sharding(subject: Subject) -> None:
    """A step over eight devices equals a step on one; the state keeps its shardings.

    At `init` the arrays of the state get the shardings of their parameters, and they
    keep them, with and without jit. So do arrays of other shapes, such as the mean of
    each row.
    """
    if len(jax.devices()) < DEVICES:
        raise NotTried(
            f"there are {len(jax.devices())} devices, not {DEVICES}; on a CPU set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={DEVICES}"
        )
    kinds = (AxisType.Auto, AxisType.Explicit) if subject.full else (AxisType.Auto,)
    for kind in kinds:
        _sharded(subject, kind)


def _sharded(subject: Subject, kind: AxisType) -> None:
    devices = jax.devices()[:DEVICES]
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind), devices=devices)
    rows = NamedSharding(mesh, PartitionSpec("x", "y"))
    whole = NamedSharding(mesh, PartitionSpec())
    start = {"w": jnp.arange(64.0).reshape(8, 8) / 32 - 1, "b": jnp.ones(6)}

    def placed(tree: Any) -> Any:
        specs = {"w": rows, "b": whole}
        return {name: jax.device_put(x, specs[name]) for name, x in tree.items()}

    inputs = [grads(start, seed) for seed in range(3)]
    expected, last = subject.run(subject.tx, start, inputs)
    at = placed(start)
    state = fresh = subject.init(at)
    _like_parameters(state, rows, "the fresh state")
    for i, (g, right) in enumerate(zip(inputs, expected, strict=True)):
        update = jax.jit(subject.update) if i else subject.update
        updates, state = update(placed(g), state, at)
        # A norm is summed in another order over the devices.
        same(jax.device_get(updates), jax.device_get(right), "sharded updates", ulps=8)
        _like_parameters(state, rows, f"the state after step {i + 1}")
        _where_it_was(state, fresh, f"the state after step {i + 1}")
        _like_parameters(updates, rows, f"the updates of step {i + 1}")
    same(jax.device_get(state), jax.device_get(last), "the sharded state", ulps=8)


def _where_it_was(state: Any, fresh: Any, what: str) -> None:
    for (where, leaf), (_, first) in zip(leaves(state), leaves(fresh), strict=True):
        # A vector belongs to a rule, not to a leaf, so its sharding does not matter.
        if leaf.ndim > 1:
            require(
                leaf.sharding.is_equivalent_to(first.sharding, leaf.ndim),
                f"{what} is not where it was at first",
                where=where,
                expected=first.sharding,
                got=leaf.sharding,
            )


def _like_parameters(tree: Any, rows: NamedSharding, what: str) -> None:
    for where, leaf in leaves(tree):
        if jnp.shape(leaf) == (8, 8):
            require(
                leaf.sharding.is_equivalent_to(rows, 2),
                f"{what} is not placed like its parameter",
                where=where,
                expected=rows,
                got=leaf.sharding,
            )
