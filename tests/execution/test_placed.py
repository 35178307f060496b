"""Matrices and blocks that are spread over devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import adamx
from tests.tiers import full

MADE = {
    "muon": adamx.muon(0.1),
    "normuon": adamx.normuon(0.1),
    "dion2": adamx.dion2(0.1),
    "scion": adamx.scion(0.1),
    # Of a gradient of 8 by 16 any basis of 8 of its columns' directions will do.
    "soap": adamx.soap(0.1, precondition_frequency=2, max_precond_dim=8),
    "shampoo": adamx.shampoo(0.1, precondition_frequency=2, block_size=8),
    "galore": adamx.galore(0.1, rank=2, update_proj_gap=2),
    "psgd_kron": adamx.psgd_kron(0.1),
}
SHAPES = {"w0": (8, 16), "w1": (8, 16), "w2": (8, 16), "b": (6,)}
PLAIN = ("muon", "soap")


def tree(seed):
    keys = jax.random.split(jax.random.key(seed), len(SHAPES))
    pairs = zip(SHAPES.items(), keys, strict=True)
    return {name: jax.random.normal(key, shape) for (name, shape), key in pairs}


def test_slots_are_placed_as_their_parameters():
    mesh = jax.make_mesh(
        (4, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:8]
    )
    sharding = NamedSharding(mesh, PartitionSpec("x", "y"))
    param = jax.device_put(jnp.ones((8, 16)), sharding)
    like = adamx.find(adamx.scale_by_momentum(0.9).init(param), "mu")
    assert like.sharding.is_equivalent_to(sharding, 2)
    past = adamx.find(adamx.scale_by_lbfgs(3).init(param), "diff_params_memory")
    behind = NamedSharding(mesh, PartitionSpec(None, "x", "y"))
    assert past.shape == (3, 8, 16)
    assert past.sharding.is_equivalent_to(behind, 3)


@pytest.mark.parametrize("spec", [("x", "y"), full((None, "y"))])
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize(
    "name",
    [n if n in PLAIN else full(n) for n in MADE],
)
def test_stacks_of_spread_matrices_are_those_of_whole_ones(name, kind, spec):
    tx, devices = MADE[name], jax.devices()[:8]
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind), devices=devices)
    spread = NamedSharding(mesh, PartitionSpec(*spec))
    whole = NamedSharding(mesh, PartitionSpec())

    def placed(tree):
        places = {k: spread if k.startswith("w") else whole for k in tree}
        return {k: jax.device_put(x, places[k]) for k, x in tree.items()}

    # In float64, as what is made of eigenvectors multiplies the rounding of sums.
    with jax.enable_x64(True):
        params = tree(0)
        at = placed(params)
        updates, state, alone = at, tx.init(at), tx.init(params)
        update = jax.jit(tx.update)
        for seed in range(1, 5):
            expected, alone = tx.update(tree(seed), alone, params)
            updates, state = update(placed(tree(seed)), state, at)
            for key, right in expected.items():
                away = np.abs(np.asarray(updates[key]) - np.asarray(right)).max()
                assert away <= 1e-10 * jnp.abs(right).max(), (key, seed)
        for path, x in jax.tree_util.tree_leaves_with_path((updates, state)):
            if x.shape == SHAPES["w0"]:
                where = jax.tree_util.keystr(path)
                assert x.sharding.is_equivalent_to(spread, 2), where


IN_BLOCKS = {
    # Rows of 8 numbers are no whole blocks of 32.
    "stored": adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=0),
    "fused": adamx.fused(adamx.adam(0.1), "loop", block=16),
}


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_results_stay_where_blocks_do_not_fit(name):
    tx = IN_BLOCKS[name]
    kind = (AxisType.Auto, AxisType.Auto)
    devices = jax.devices()[:8]
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=kind, devices=devices)
    spread = NamedSharding(mesh, PartitionSpec("x", "y"))
    params = jax.device_put(jnp.ones((8, 8)), spread)
    state = tx.init(params)
    updates, new = jax.jit(tx.update)(params, state, params)
    for x in jax.tree.leaves((updates, state, new)):
        assert x.shape != (8, 8) or x.sharding.is_equivalent_to(spread, 2), x.sharding


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_on_one_device_nothing_links_results_to_slots(name):
    """There a select of all results would copy what the loop updates in place."""
    tx, params = IN_BLOCKS[name], jnp.ones((8, 8))
    state = tx.init(params)
    program = str(jax.make_jaxpr(tx.update)(params, state, params))
    assert "optimization_barrier" not in program
