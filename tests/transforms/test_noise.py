"""Noise: how much of it, and that it comes from the key in the state alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx

N = 100_000
START = {"a": jnp.zeros(N), "b": jnp.zeros((N // 2, 2))}


def run(tx, start, steps):
    state, out = tx.init(start), []
    for _ in range(steps):
        updates, state = tx.update(start, state)
        out.append(updates)
    return out


def test_the_variance_falls_as_the_paper_says():
    for t, noise in enumerate(run(adamx.add_noise(2.0, 0.55), START, 4), start=1):
        for leaf in jax.tree.leaves(noise):
            x = np.asarray(leaf, np.float64).ravel() / (2.0 / t**0.55) ** 0.5
            # Of 10⁵ normal numbers, within 5 standard deviations.
            assert abs(x.mean()) < 5 * N**-0.5
            assert abs((x**2).mean() - 1) < 5 * (2 / N) ** 0.5
            assert abs((x**4).mean() - 3) < 5 * (96 / N) ** 0.5


def test_the_variance_of_complex_noise_is_that_of_both_parts():
    (noise,) = run(adamx.add_noise(2.0, 0.55), jnp.zeros(N, jnp.complex64), 1)
    parts = np.asarray(noise).view(np.float32)
    assert abs((parts**2).mean() - 1) < 5 * (1 / N) ** 0.5


def test_no_two_leaves_and_no_two_steps_share_noise():
    first, second = run(adamx.add_noise(1.0, 0.0), START, 2)
    rows = [np.ravel(x) for noise in (first, second) for x in noise.values()]
    assert np.abs(np.corrcoef(rows) - np.eye(4)).max() < 5 * N**-0.5


@pytest.mark.parametrize("key", [3, jax.random.key(3), jax.random.PRNGKey(3)])
def test_every_kind_of_key_is_one(key):
    tx = adamx.add_noise(1.0, 0.5, key)
    expected = run(adamx.add_noise(1.0, 0.5, 3), START, 1)[0]["a"]
    assert jnp.array_equal(run(tx, START, 1)[0]["a"], expected)
    assert tx == adamx.add_noise(1.0, 0.5, key)
    assert tx != adamx.add_noise(1.0, 0.5, 4)
    assert repr(tx).startswith("add_noise(1.0, 0.5, key=")
    assert "\n" not in repr(tx)


def test_noise_of_a_leaf_is_the_same_beside_frozen_and_absent_ones():
    tx, frozen = adamx.add_noise(1.0, 0.5), adamx.freeze({"a": True, "b": False})
    alone = run(tx, {"b": START["b"]}, 1)[0]["b"]
    beside = run(adamx.chain(tx, frozen), START, 1)[0]
    absent = run(tx, START | {"a": None}, 1)[0]
    assert jnp.array_equal(beside["b"], alone)
    assert jnp.array_equal(absent["b"], alone)
    assert not beside["a"].any()


def test_double_precision_adds_the_noise_of_single(x64):
    narrow = run(adamx.add_noise(1.0, 0.5), jnp.zeros(100, jnp.float32), 1)[0]
    wide = run(adamx.add_noise(1.0, 0.5), jnp.zeros(100, jnp.float64), 1)[0]
    np.testing.assert_allclose(narrow, wide, rtol=1e-6)
