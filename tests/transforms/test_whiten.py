"""Whitening: what its factors become, and where there is little to learn."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.linalg.whitening import balanced, norm_bound, refreshed, whitened
from adamx.transforms.matrices.whiten import whiten
from tests.tiers import full


def inverse_root(x):
    sizes, vectors = np.linalg.eigh(x)
    return (vectors / np.sqrt(sizes)) @ vectors.conj().T


def preconditioner(factors):
    full = [np.diag(q) if q.ndim < 2 else np.asarray(q) for q in factors]
    q = functools.reduce(np.kron, full)
    return q.conj().T @ q


@pytest.mark.parametrize("kind", ["matrix", full("cube"), full("complex")])
def test_the_factors_become_the_inverse_root_of_the_covariance(x64, kind):
    rng = np.random.default_rng(0)
    shape = (2, 3, 2) if kind == "cube" else (4, 3)
    sides = [rng.normal(size=(n, n)) + 2 * np.eye(n) for n in shape]
    if kind == "complex":
        sides = [side + 0.5j * rng.normal(size=side.shape) for side in sides]
    root = functools.reduce(np.kron, sides)
    dtype = "complex128" if kind == "complex" else "float64"
    steps = 30_000
    tx = whiten(lambda count: 10 / (100 + count), 1.0)

    def step(state, key):
        g = root @ jax.random.normal(key, root.shape[:1], dtype)
        return tx.update(g.reshape(shape), state)[1], None

    keys = jax.random.split(jax.random.key(0), steps)
    run = jax.jit(lambda state: jax.lax.scan(step, state, keys)[0])
    factors = [*run(tx.init(jnp.zeros(shape, dtype)))["whiten"]["q"].values()]
    for q in factors:
        assert not np.tril(q, -1).any()
    right = inverse_root(root @ root.conj().T)
    # Errors relax by 2ρ in a step, which adds noise of ρ: σ² = ρ/4 of a number of Q,
    # for each axis; P is of twice the relative size. ρ is 10/steps at last.
    sigma = 2 * np.sqrt(len(shape) * 10 / steps / 4)
    away = np.abs(preconditioner(factors) - right).max() / np.abs(right).max()
    assert away <= 3 * sigma
    # Without the relaxation it would be as far off as the identity is.
    assert np.abs(np.eye(len(root)) - right).max() / np.abs(right).max() > 10 * sigma


@pytest.mark.full
def test_a_step_of_complex_factors_is_that_of_the_matrix(x64):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    q = [np.triu(normal(n, n)) + 3 * np.eye(n) for n in (3, 2)]
    g, v, full = normal(3, 2), normal(3, 2), np.kron(*q)
    a = (full @ g.ravel()).reshape(3, 2)
    b = (np.linalg.inv(full).conj().T @ v.ravel()).reshape(3, 2)
    got = refreshed(
        tuple(map(jnp.asarray, q)), jnp.asarray(g), jnp.ones(()), jnp.asarray(v), 0.1
    )
    for i, (x, y) in enumerate(((a, b), (a.T, b.T))):
        won, lost = x @ x.conj().T, y @ y.conj().T
        by = float(norm_bound(jnp.asarray(won + lost)))
        expected = q[i] - 0.1 * np.triu(won - lost) / by @ q[i]
        # But for what balances the two.
        whole = float(np.log2(np.abs(got[i][0, 0] / expected[0, 0])))
        assert whole == pytest.approx(round(whole), abs=1e-14)
        np.testing.assert_allclose(got[i], expected * 2.0 ** round(whole), rtol=1e-13)
    size, u = whitened(tuple(map(jnp.asarray, q)), jnp.asarray(g))
    expected = full.conj().T @ full @ g.ravel()
    np.testing.assert_allclose(size * u.ravel(), expected, rtol=1e-13)


def test_the_bound_is_within_a_root_of_two():
    rng = np.random.default_rng(0)
    for scale in (1e-30, 1.0, 1e30):
        for rank in (1, 3, 8, 50):
            x = rng.normal(size=(8, rank)) * rng.uniform(0.01, 1, size=(8, 1))
            x = x @ x.T
            largest = np.linalg.eigvalsh(x).max() * scale
            bound = float(norm_bound(jnp.asarray(x * scale, jnp.float32)))
            assert largest / 2**0.5 <= bound <= largest * (1 + 1e-5)


def test_balancing_changes_no_product():
    q = jnp.full((3,), 3e10), jnp.triu(jnp.full((2, 2), 7e-12)), jnp.ones((4,))
    found = balanced(q)
    sizes = [float(jnp.max(x)) for x in found]
    assert max(sizes) / min(sizes) <= 4
    np.testing.assert_array_equal(preconditioner(found), preconditioner(q))


MODES = {
    None: [True, True, True],
    "one_diag": [True, True, False],
    "smart_one_diag": [True, True, False],
    "all_diag": [False, False, False],
}


@pytest.mark.parametrize("mode", MODES)
def test_which_factors_are_triangles(mode):
    def triangles(shape, **options):
        state = whiten(memory_save_mode=mode, **options).init(jnp.ones(shape))
        return [q.ndim - 1 == 1 for q in state["whiten"]["q"].values()]

    assert triangles((3, 4, 5)) == MODES[mode]
    assert triangles((5,)) == triangles(()) == [False]
    assert triangles((1, 5)) == [False, False]
    smart = [True, mode != "one_diag"] if mode != "all_diag" else [False, False]
    assert triangles((4, 4)) == smart
    large = triangles((3, 4, 5), max_size_triangular=3)
    assert large == [mode != "all_diag", False, False]
    many = whiten(matrices=True).init(jnp.ones((7, 2, 3)))["whiten"]["q"].values()
    assert [q.shape for q in many] == [(7, 2, 2), (7, 3, 3)]


def test_steps_that_are_not_due_learn_nothing():
    tx = whiten(preconditioner_update_probability=0.25)
    state, changed = tx.init(jnp.ones((2, 3))), []
    update: Any = jax.jit(tx.update)
    for seed in range(9):
        before = state["whiten"]["q"]["0"]
        g = jax.random.normal(jax.random.key(seed), (2, 3))
        _, state = update(g, state)
        changed.append(bool(jnp.any(before != state["whiten"]["q"]["0"])))
    assert changed == [False, False, False, True] * 2 + [False]
    assert update._cache_size() == 1


def test_where_there_is_little_to_learn():
    """Zeros, a row of zeros, one direction alone, and sizes at the ends of float32."""
    rng = np.random.default_rng(0)
    row = np.ones((3, 1)) * [[1.0], [0.0], [1.0]]
    kinds = {
        "zero": lambda g: 0 * g,
        "dead row": lambda g: g * row,
        "one direction": lambda g: 0 * g + np.outer([1, 2, 3], [1, 0, 2, 1]),
        "huge": lambda g: 1e37 * g,
        "tiny": lambda g: 1e-37 * g,
    }
    shapes = {"row": (1, 4), "column": (4, 1), "empty": (0, 4)}
    gs = rng.normal(size=(40, 3, 4)).astype(np.float32)
    grads = {
        name: np.stack([kind(g) for g in gs]).astype(np.float32)
        for name, kind in kinds.items()
    }
    grads |= {name: np.ones((40, *s), np.float32) for name, s in shapes.items()}
    tx = adamx.psgd_kron(1.0, precond_lr=0.3)
    start = jax.tree.map(lambda g: jnp.zeros(g.shape[1:]), grads)

    @jax.jit
    def many(state, times):
        def step(i, carry):
            g = jax.tree.map(lambda g: jnp.asarray(g)[i % 40], grads)
            return tx.update(g, carry[1], start)

        return jax.lax.fori_loop(0, times, step, (start, state))

    updates, state = many(tx.init(start), 2000)
    for tree in (updates, adamx.find(state, "q")):
        assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(tree))
    factors = adamx.find(state, "q")
    np.testing.assert_array_equal(factors["0"]["zero"], np.eye(3))
    # What is learnt does not depend on the scale.
    for name in ("huge", "tiny"):
        rms = float(jnp.sqrt(jnp.mean(updates[name] ** 2)))
        assert 0.1 < rms <= 1.1001
    ordinary = jax.tree.map(jnp.ones_like, start)
    updates, _ = tx.update(ordinary, state, start)
    for u in jax.tree.leaves(updates):
        assert bool(jnp.isfinite(u).all())
        assert not u.size or float(jnp.sqrt(jnp.mean(u**2))) <= 1.1001


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_what_is_not_finite_shows_and_teaches_nothing(bad):
    g = {"a": jnp.ones((3, 4)).at[1, 2].set(bad), "b": jnp.ones((3, 4))}
    tx = whiten()
    u, state = tx.update(g, tx.init(g))
    assert jnp.isnan(u["a"]).any()
    assert jnp.isfinite(u["b"]).all()
    factors = state["whiten"]["q"]
    np.testing.assert_array_equal(factors["0"]["a"], np.eye(3))
    assert all(bool(jnp.isfinite(q["b"]).all()) for q in factors.values())
