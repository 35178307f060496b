"""The same code under every transformation and on every kind of device."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized
from jax.sharding import NamedSharding, PartitionSpec

import adamx
from tests.trees import assert_same_bits, grads, params, run

OPTIMIZERS = {
    "sgd": adamx.sgd(0.1),
    "nesterov": adamx.sgd(0.1, momentum=0.9, nesterov=True),
    "rmsprop": adamx.rmsprop(0.1, centered=True, momentum=0.9),
    "adam": adamx.adam(0.1),
    "eps_hat": adamx.adam(0.1, eps_hat=True),
    "adamw": adamx.adamw(0.1),
    "amsgrad": adamx.amsgrad(0.1),
    "clipped": adamx.chain(adamx.clip_by_global_norm(0.1), adamx.adam(0.1)),
    "scheduled": adamx.adam(lambda count: 0.1 / (1 + count)),
}


def assert_close(a, b, ulps=2):
    chex.assert_trees_all_equal_shapes_and_dtypes(a, b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        size = np.max(np.abs(np.asarray(y)), initial=0)
        np.testing.assert_allclose(x, y, rtol=ulps * 2**-23, atol=ulps * 2**-24 * size)


class Variants(chex.TestCase):
    """jit, no jit, device and no device, of init, update and apply_updates."""

    @chex.all_variants(with_pmap=False)  # pyright: ignore
    @parameterized.named_parameters(*OPTIMIZERS.items())
    def test_variant(self, tx):
        @self.variant  # pyright: ignore
        def steps(start, g):
            state, at = tx.init(start), start
            for _ in range(3):
                updates, state = tx.update(g, state, at)
                at = adamx.apply_updates(at, updates)
            return at, state

        start = params()
        state, at = tx.init(start), start
        for _ in range(3):
            updates, state = tx.update(grads(start), state, at)
            at = adamx.apply_updates(at, updates)
        # Compiled as one program instead of nine; three steps of 2 ulp each.
        assert_close(steps(start, grads(start)), (at, state), ulps=6)


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_no_jit_at_all(tx):
    start = {"w": jnp.arange(3.0)}
    expected = run(tx, start, 2)
    with jax.disable_jit():
        assert_close(run(tx, start, 2), expected, ulps=4)


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_scan_equals_loop(tx):
    start = params()
    inputs = [grads(start, seed) for seed in range(4)]

    def step(state, g):
        updates, state = tx.update(g, state, start)
        return state, updates

    stacked = jax.tree.map(lambda *g: jnp.stack(g), *inputs)
    state, updates = jax.lax.scan(step, tx.init(start), stacked)
    expected, last = run(tx, start)
    assert_close(jax.tree.map(lambda u: u[-1], updates), expected, ulps=4)
    assert_close(state, last, ulps=4)


@pytest.mark.parametrize("make", [adamx.sgd, adamx.rmsprop, adamx.adam, adamx.adamw])
def test_vmap_over_learning_rates_equals_one_by_one(make):
    start, rates = params(), jnp.array([0.1, 0.01, 1.0])

    def steps(rate):
        return run(make(rate), start, 3)

    together = jax.vmap(steps)(rates)
    for i, rate in enumerate(rates):
        assert_close(jax.tree.map(lambda x, i=i: x[i], together), steps(rate), ulps=4)


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_vmap_over_an_ensemble_equals_one_by_one(tx):
    members = [params(), jax.tree.map(lambda p: 2 * p + 1, params())]
    stacked = jax.tree.map(lambda *p: jnp.stack(p), *members)
    together = jax.vmap(lambda start: _descend(tx, start))(stacked)
    for i, member in enumerate(members):
        one = jax.tree.map(lambda x, i=i: x[i], together)
        assert_close(one, _descend(tx, member), ulps=6)


def _descend(tx, at):
    state = tx.init(at)
    for _ in range(3):
        updates, state = tx.update(at, state, at)
        at = adamx.apply_updates(at, updates)
    return at, state


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_init_on_abstract_arrays(tx):
    start = params()
    abstract = jax.eval_shape(lambda: start)
    expected = jax.eval_shape(tx.init, start)
    state = tx.init(abstract)
    assert jax.eval_shape(lambda: state) == expected
    assert_same_bits(jax.jit(tx.init)(start), tx.init(start))


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_fresh_and_later_states_can_be_donated(tx):
    start = params()
    state = tx.init(start)
    leaves = [x for x in jax.tree.leaves(state) if x.size]
    assert len({x.unsafe_buffer_pointer() for x in leaves}) == len(leaves)
    step = jax.jit(lambda g, state: tx.update(g, state, start), donate_argnums=1)
    for _ in range(3):
        _, state = step(start, state)


def test_vmapped_static_and_traced_rates_agree():
    start = params()
    assert_close(run(adamx.adam(jnp.float32(0.1)), start), run(adamx.adam(0.1), start))


def test_an_optimizer_with_a_traced_rate_does_not_leak():
    with jax.checking_leaks():
        jax.jit(lambda rate: _descend(adamx.adam(rate), jnp.ones(2)))(0.1)


@pytest.mark.parametrize("tx", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_eight_devices(tx):
    """Sharded equals unsharded, and the state is where its parameters are."""
    assert len(jax.devices()) == 8
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    rows = NamedSharding(mesh, PartitionSpec("x", "y"))
    whole = NamedSharding(mesh, PartitionSpec())
    start = {"w": jnp.arange(64.0).reshape(8, 8) / 32 - 1, "b": jnp.ones(8)}
    placed = {
        "w": jax.device_put(start["w"], rows),
        "b": jax.device_put(start["b"], whole),
    }
    state = tx.init(placed)
    for _ in range(2):
        _, state = jax.jit(tx.update)(placed, state, placed)
        for leaf in jax.tree.leaves(state):
            if leaf.shape == (8, 8):
                assert leaf.sharding.is_equivalent_to(rows, 2)
    updates, state = tx.update(placed, state, placed)
    assert updates["w"].sharding.is_equivalent_to(rows, 2)
    single, expected = tx.init(start), None
    for _ in range(3):
        expected, single = tx.update(start, single, start)
    # A norm is summed in another order over eight devices.
    assert_close(jax.device_get(updates), jax.device_get(expected), ulps=8)
    fresh = jax.tree.leaves(tx.init(placed))
    assert all(x.sharding.is_equivalent_to(rows, 2) for x in fresh if x.ndim == 2)
