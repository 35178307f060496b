"""Matrices of all conditions, odd ones, and what transforms of matrices must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx

CONDITIONS = [1e0, 1e2, 1e4, 1e6, 1e8]
each_condition = pytest.mark.parametrize("condition", CONDITIONS)
ODD = {
    "zero": np.zeros((3, 4)),
    "rank one": np.outer([1.0, 2.0, 2.0], [3.0, 0.0, -4.0]),
    "row": np.arange(1.0, 6.0)[None],
    "column": np.arange(1.0, 6.0)[:, None],
    "one": np.full((1, 1), -2.0),
    "empty": np.zeros((0, 4)),
    "no columns": np.zeros((4, 0)),
    "huge": np.full((3, 4), 3e38),
    "tiny": np.full((3, 4), 1e-37),
    "equal": np.eye(4),
    "vector": np.arange(4.0),
    "scalar": np.float32(2.0),
}


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def symmetric(condition, n=6, seed=0):
    """A matrix with eigenvalues from 1 down to 1/condition, and its eigenvectors."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    sizes = np.geomspace(1, 1 / condition, n)
    return (q * sizes) @ q.T, sizes, q


def check_odd_matrices(tx, odd=ODD, steps=4, rtol=0.0):
    """Require finite updates, opposite for opposite gradients; return the last ones."""
    first = jax.tree.map(jnp.float32, odd)
    params = {"first": first, "second": first}
    g = {"first": first, "second": jax.tree.map(jnp.negative, first)}
    state, update, u = tx.init(params), jax.jit(tx.update), params
    for _ in range(steps):
        u, state = update(g, state, params)
        assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), u))
        for name in odd:
            np.testing.assert_allclose(u["first"][name], -u["second"][name], rtol)
    assert not u["first"]["zero"].any()
    return u["first"]


def refresh_steps(build, read):
    """Return which of 23 steps change `read(state)`; one trace must take them all.

    `build(inner)` makes the transform, whose inner one counts how often it is traced.
    """
    traces = 0

    class Counted(adamx.Rule):
        def step(self, g, slots, shared, param):
            nonlocal traces
            traces += 1
            return g, slots

    tx = build(adamx.chain(adamx.scale_by_adam(), adamx.lift(Counted())))
    state = tx.init(jnp.ones((4, 5)))
    update, changed = jax.jit(tx.update), []
    for t in range(1, 24):
        before = read(state)
        _, state = update(normal((4, 5), t), state)
        if not jax.tree.all(jax.tree.map(jnp.array_equal, before, read(state))):
            changed.append(t)
    assert traces == 1
    return changed


def check_it_stays(tx, bad=jnp.nan, row=0, shown=jnp.any, rtol=1e-7):
    """Require that what is no number shows in its matrix, and in no other one."""
    g = {f"w{i}": normal((3, 4), i) for i in range(3)}
    g["w1"] = g["w1"].at[row, 0].set(bad)
    state, alone = tx.init(g), tx.init(g["w0"])
    for _ in range(3):
        u, state = tx.update(g, state)
        expected, alone = tx.update(g["w0"], alone)
        assert shown(jnp.isnan(u["w1"]))
        assert jnp.isfinite(u["w2"]).all()
        np.testing.assert_allclose(u["w0"], expected, rtol=rtol, atol=1e-4)
