"""Parameters that stay in a set: projections, and bounds that hold to the last bit."""

from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import projections

import adamx
from tests.trees import grads, params

RATE = 0.5


def box(tree):
    low, high = (jax.tree.map(lambda x, c=c: c, tree) for c in (-0.3, 0.4))
    return projections.projection_box(tree, low, high)


PROJECTIONS = {
    "box": box,
    "non_negative": projections.projection_non_negative,
    "simplex": partial(projections.projection_simplex, scale=2.0),
    "l2_ball": partial(projections.projection_l2_ball, scale=0.5),
    "l1_sphere": partial(projections.projection_l1_sphere, scale=2.0),
}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_projections_of_optax_give_the_projected_gradient_method(name):
    project = PROJECTIONS[name]
    tx = adamx.chain(adamx.sgd(RATE), adamx.project_params(project))
    ours = theirs = params()
    state = tx.init(ours)
    for seed in range(3):
        g = grads(ours, seed)
        updates, state = tx.update(g, state, ours)
        ours = adamx.apply_updates(ours, updates)
        theirs = project(jax.tree.map(lambda p, g: p - RATE * g, theirs, g))
        # θ + (P − θ) is rounded twice.
        jax.tree.map(partial(np.testing.assert_allclose, atol=3e-7), ours, theirs)
        assert ours["absent"] is None


def test_a_projection_of_an_array_is_called_with_each_leaf():
    tx = adamx.project_params(lambda x: jnp.clip(x, 0, 1), by_leaf=True)
    start = {"a": jnp.array([0.5, 0.5]), "b": jnp.array(0.5)}
    g = {"a": jnp.array([-2.0, 0.25]), "b": jnp.array(3.0)}
    updates, _ = tx.update(g, tx.init(start), start)
    after = adamx.apply_updates(start, updates)
    assert after["a"].tolist() == [0.0, 0.75]
    assert float(after["b"]) == 1.0


def test_frozen_and_masked_leaves_are_not_projected():
    start = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([3.0, 4.0])}
    seen = []

    def onto_ball(tree):
        seen.append(sorted(k for k, x in tree.items() if x is not None))
        return projections.projection_l2_ball(tree, scale=1.0)

    piece = adamx.project_params(onto_ball)
    only = {"a": True, "b": False}
    for tx in (
        adamx.chain(piece, adamx.freeze({"a": False, "b": True})),
        adamx.masked(piece, only),
    ):
        zero = jax.tree.map(jnp.zeros_like, start)
        updates, _ = tx.update(zero, tx.init(start), start)
        after = adamx.apply_updates(start, updates)
        np.testing.assert_allclose(after["a"], [0.6, 0.8], rtol=1e-6)
        assert after["b"].tolist() == [3.0, 4.0]
    assert seen == [["a"], ["a"]]


BOUNDS = [(0.1, 1000.0), (-3.3, 0.7), (0.1, 0.2), (-1e-3, 1e3)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_bounds_hold_after_rounding(low, high, dtype):
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-3, 3, (2, 2000))
    start = np.clip(rng.normal(size=2000) * sizes[0], low, high)
    start = jnp.asarray(start, dtype)
    # A bound is a float32 number, which a parameter of few bits can only stay within.
    ends = np.float32(low), np.float32(high)
    kept = (start >= ends[0]) & (start <= ends[1]) & (start != 0)
    start = start[np.asarray(kept)]
    g = jnp.asarray(rng.normal(size=start.size) * sizes[1][: start.size], dtype)
    tx = adamx.keep_params_between(low, high)
    updates, _ = tx.update(g, tx.init(start), start)
    for apply in (adamx.apply_updates, optax.apply_updates):
        after = np.asarray(apply(start, updates), np.float32)
        assert after.min() >= ends[0]
        assert after.max() <= ends[1]
    # What stays inside is not touched.
    free = np.asarray(start, np.float64) + np.asarray(g, np.float64)
    room = 2.0**-6 * (abs(low) + abs(high))
    inside = (free > low + room) & (free < high - room)
    np.testing.assert_array_equal(updates[inside], g[inside])


def test_bounds_are_the_clip_of_a_numpy_loop(x64):
    rng = np.random.default_rng(1)
    start, low = rng.normal(size=(2, 5)), -1.0
    high = np.abs(rng.normal(size=5))
    tx = adamx.chain(adamx.sgd(RATE, 0.9), adamx.keep_params_between(low, high))
    ours, theirs, trace = jnp.asarray(start), start, np.zeros_like(start)
    state = tx.init(ours)
    for _ in range(20):
        g = rng.normal(size=(2, 5))
        updates, state = tx.update(jnp.asarray(g), state, ours)
        ours = adamx.apply_updates(ours, updates)
        trace = 0.9 * trace + g
        theirs = np.clip(theirs - RATE * trace, low, high)
        np.testing.assert_allclose(ours, theirs, atol=1e-15)


def test_bounds_are_trees_prefixes_and_nothing():
    start = {"a": jnp.zeros(2), "b": {"c": jnp.zeros((2, 2)), "d": jnp.zeros(())}}
    low = {"a": jnp.array([-1.0, -2.0]), "b": None}
    tx = adamx.keep_params_between(low, {"a": 0.5, "b": 3.0})
    for size in (-5.0, 5.0):
        g = jax.tree.map(lambda p, size=size: jnp.full_like(p, size), start)
        updates, _ = jax.jit(tx.update)(g, tx.init(start), start)
        ends = [[-1.0, -2.0], [-5.0] * 2] if size < 0 else [[0.5] * 2, [3.0] * 2]
        assert updates["a"].tolist() == ends[0]
        assert updates["b"]["c"][0].tolist() == ends[1]


def test_bounds_of_complex_numbers_are_those_of_their_parts():
    tx = adamx.keep_params_between(-1.0, 1.0)
    start = jnp.array([0.5 + 0.5j])
    updates, _ = tx.update(jnp.array([3 - 0.25j]), tx.init(start), start)
    assert (start + updates).tolist() == [1 + 0.25j]


def test_what_is_no_number_shows():
    tx = adamx.keep_params_between(-1.0, 1.0)
    start = jnp.zeros(2)
    updates, _ = tx.update(jnp.array([jnp.nan, jnp.inf]), tx.init(start), start)
    assert np.isnan(updates[0])
    assert float(updates[1]) == 1.0


START = {"a": jnp.ones(2), "b": jnp.ones(3)}
NOT_LIKE = "does not return what it was given"
WRONG = {
    "crossed": (lambda: adamx.keep_params_between(1.0, 0.0), ["low = 1.0"]),
    "not a number": (lambda: adamx.keep_params_between(float("nan")), ["NaN"]),
    "a word": (lambda: adamx.keep_params_between("a"), ["`low`", "'a'"]),
    "complex": (lambda: adamx.keep_params_between(high=1j), ["`high`", "1j"]),
    "another tree": (
        lambda: adamx.keep_params_between({"a": 0.0}).init(START),
        ["`low`", "['b']"],
    ),
    "another shape": (
        lambda: adamx.keep_params_between({"a": np.ones(3), "b": 0}).init(START),
        ["['a']", "(2,)", "(3,)"],
    ),
    "crossed in a leaf": (
        lambda: adamx.keep_params_between({"a": np.ones(2), "b": 0}, 0.5).init(START),
        ["['a']", "low = [1. 1.]"],
    ),
    "no function": (
        lambda: adamx.project_params(cast("Any", 3)),
        ["`projection`", "3"],
    ),
    "a part of the tree": (
        lambda: adamx.project_params(lambda t: t["a"]).update(START, {}, START),
        [NOT_LIKE, "by_leaf"],
    ),
    "a number": (
        lambda: adamx.project_params(jnp.sum, by_leaf=True).update(START, {}, START),
        [NOT_LIKE, "['a']", "float32[2]", "float32[]"],
    ),
    "no parameters": (
        lambda: adamx.keep_params_between(0.0).update(START, {}),
        ["parameters", "keep_params_between"],
    ),
    "integers": (
        lambda: adamx.project_params(box).init({"n": jnp.arange(3)}),
        ["['n']", "int32"],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said(kind):
    call, words = WRONG[kind]
    with pytest.raises(adamx.TransformError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_a_bound_can_be_differentiated():
    def after(high):
        tx = adamx.keep_params_between(-1.0, high)
        start = jnp.array([0.5, 0.1])
        updates, _ = tx.update(jnp.array([3.0, 0.1]), tx.init(start), start)
        return jnp.sum(start + updates)

    assert float(jax.grad(after)(jnp.float32(0.9))) == 1.0
