"""Leaves of equal shape through one step."""

import chex
import jax
import jax.numpy as jnp
import pytest

import adamx
from adamx.core.rule import Stacked


class Whiten(adamx.Rule):
    """Of a momentum, towards the orthogonal matrix nearest to it."""

    locality = "leaf"
    together: Stacked

    def stacks(self) -> Stacked:
        return self.together

    def slots(self, param):
        return {"mu": jnp.zeros_like(param)}

    def step(self, g, slots, shared, param):
        mu = 0.9 * slots["mu"] + g
        u = mu / jnp.linalg.norm(mu)
        return 1.5 * u - 0.5 * u @ u.T @ u, {"mu": mu}


SHAPES = [(8, 16), (8, 8), (8, 16), (4, 4), (8, 8), (8, 16)]


def tree(seed):
    keys = jax.random.split(jax.random.key(seed), len(SHAPES))
    pairs = enumerate(zip(keys, SHAPES, strict=True))
    return {f"w{i}": jax.random.normal(*pair) for i, pair in pairs} | {"absent": None}


def chained(together):
    # Noise has a key for each leaf, and decay sees the parameters.
    pieces = adamx.add_noise(0.1, 0.5), adamx.add_decayed_weights(0.1)
    return adamx.chain(adamx.lift(Whiten(together), "whiten"), *pieces)


def after(together, steps=3):
    tx, params = chained(together), tree(0)
    state = tx.init(params)
    for seed in range(steps):
        updates, state = tx.update(tree(seed), state, params)
        params = adamx.apply_updates(params, updates)
    state["add_noise"].pop("rng_key")
    return params, state


@pytest.mark.parametrize("together", ["loop", "vmap"])
def test_leaves_go_through_one_step_as_each_alone(together):
    # Sums of 16 products, in another order.
    chex.assert_trees_all_close(after(together), after(None), rtol=1e-5, atol=1e-6)


def test_random_keys_are_stacked_without_jit_too():
    tx, params = chained("vmap"), {"a": jnp.ones((2, 2)), "b": jnp.ones((2, 2))}
    with jax.disable_jit():
        updates, _ = tx.update(params, tx.init(params), params)
    assert (updates["a"] != updates["b"]).all()  # each has its own noise


@pytest.mark.parametrize(
    ("together", "products"), [("loop", 3), ("vmap", 3), (None, 6)]
)
def test_the_program_has_one_step_for_each_shape(together, products):
    tx, params = adamx.lift(Whiten(together), "whiten"), tree(0)
    program = jax.jit(tx.update).lower(params, tx.init(params)).as_text()
    calls = [line for line in program.splitlines() if " call @step" in line]
    assert len(calls) == products


def test_a_loop_needs_the_memory_of_one_stack():
    shapes = {"tall": (128, 64), "wide": (64, 128)}
    ones = {f"{k}{i}": jnp.ones(s) for k, s in shapes.items() for i in range(6)}
    tx = adamx.scale_by_muon()
    program = jax.jit(tx.update).lower(ones, tx.init(ones)).compile()
    found = program.memory_analysis()
    assert found is not None
    needed = found.temp_size_in_bytes
    assert 0 <= needed - 6 * 64 * 128 * 4 <= 4096


def test_an_ensemble_is_stacked_without_gather_and_scatter():
    tx, params = chained("loop"), tree(0)
    both = jax.tree.map(lambda x: jnp.stack([x, x]), params)
    update = jax.jit(lambda g: tx.update(g, tx.init(params), params)[0])
    program = jax.jit(jax.vmap(update)).lower(both).compile().as_text() or ""
    assert " gather(" not in program
    assert " scatter(" not in program
    alone, found = update(params), jax.vmap(update)(both)
    expected = jax.tree.map(lambda x: jnp.stack([x, x]), alone)
    chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-6)
