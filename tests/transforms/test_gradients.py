"""Gradient processing: each piece beside Optax and its formula, and at the edges."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import adamx
from adamx.testing import LAWS, Subject, problem
from adamx.testing.trees import Trajectory
from tests.spec import RATE

(TRUTH,) = (law for law in LAWS if law.name == "truth")


class Case(NamedTuple):
    """A piece, Optax's of the same name, and the formula for a whole tree."""

    ours: adamx.Transform
    theirs: Any
    formula: Any
    """From gradients and parameters, float64 NumPy arrays by name, to updates."""


def each(function):
    """The formula of a piece that sees one leaf at a time."""
    return lambda g, p: {k: function(g[k], p[k]) for k in g}


def norm(x, axis=None):
    return np.sqrt(np.sum(x * x, axis, keepdims=True))


def shrink(g, size, bound):
    return g * np.minimum(1, bound / np.maximum(size, 1e-300))


def all_of(g):
    return math.sqrt(sum(np.sum(x * x) for x in g.values()))


def by_norm(g, p, length, eps):
    return {k: x * length / (all_of(g) + eps) for k, x in g.items()}


def rms(x):
    return np.sqrt(np.mean(x * x))


def units(x):
    """The axes of one unit, for the shapes of `problem`, of up to three axes."""
    return (0,) if x.ndim else ()


def adaptive(clipping, eps, axes=units):
    def unit(g, p):
        bound = clipping * np.maximum(norm(p, axes(p)), eps)
        return shrink(g, norm(g, axes(g)), bound)

    return each(unit)


CASES = {
    "clip": Case(
        adamx.clip(0.5), optax.clip(0.5), each(lambda g, p: np.clip(g, -0.5, 0.5))
    ),
    "clip_by_block_rms": Case(
        adamx.clip_by_block_rms(0.3),
        optax.clip_by_block_rms(0.3),
        each(lambda g, p: shrink(g, rms(g), 0.3)),
    ),
    "clip_by_norm": Case(
        adamx.clip_by_norm(0.3), None, each(lambda g, p: shrink(g, norm(g), 0.3))
    ),
    "clip_by_global_norm": Case(
        adamx.clip_by_global_norm(0.3),
        optax.clip_by_global_norm(0.3),
        lambda g, p: {k: shrink(x, all_of(g), 0.3) for k, x in g.items()},
    ),
    "adaptive_grad_clip": Case(
        adamx.adaptive_grad_clip(0.01),
        optax.adaptive_grad_clip(0.01),
        adaptive(0.01, 1e-3),
    ),
    "adaptive_grad_clip, large eps": Case(
        adamx.adaptive_grad_clip(0.2, eps=3.0),
        optax.adaptive_grad_clip(0.2, eps=3.0),
        adaptive(0.2, 3.0),
    ),
    "adaptive_grad_clip, another axis": Case(
        adamx.adaptive_grad_clip(0.2, axis=1),
        None,  # an error for vectors
        adaptive(0.2, 1e-3, lambda x: (1,) if x.ndim > 1 else tuple(range(x.ndim))),
    ),
    "normalize_by_update_norm": Case(
        adamx.normalize_by_update_norm(-2.0, 0.5),
        optax.normalize_by_update_norm(-2.0, 0.5),
        lambda g, p: by_norm(g, p, -2.0, 0.5),
    ),
    "normalize": Case(
        adamx.normalize(),
        optax.contrib.normalize(),
        lambda g, p: by_norm(g, p, 1.0, 0.0),
    ),
    "scale_by_param_block_norm": Case(
        adamx.scale_by_param_block_norm(1.5),
        optax.scale_by_param_block_norm(1.5),
        each(lambda g, p: g * np.maximum(norm(p).ravel()[0], 1.5)),
    ),
    "scale_by_param_block_rms": Case(
        adamx.scale_by_param_block_rms(0.9),
        optax.scale_by_param_block_rms(0.9),
        each(lambda g, p: g * max(rms(p), 0.9)),
    ),
    "centralize": Case(
        adamx.centralize(),
        optax.centralize(),
        each(
            lambda g, p: (
                g - g.mean(tuple(range(1, g.ndim)), keepdims=True) if g.ndim > 1 else g
            )
        ),
    ),
    "keep_params_nonnegative": Case(
        adamx.keep_params_nonnegative(),
        optax.keep_params_nonnegative(),
        each(lambda g, p: np.maximum(g, -p)),
    ),
    "zero_nans": Case(adamx.zero_nans(), optax.zero_nans(), each(lambda g, p: g)),
}


def path(step, seed):
    """Where `step` goes from gradients and parameters to updates, times the rate."""
    start, gradients = problem(seed)
    at, steps = dict(start), []
    for g in gradients:
        updates = step(g, at)
        at = {k: at[k] - RATE * updates[k] for k in at}
        steps.append(at)
    stacked = {k: np.stack([at[k] for at in steps]) for k in start}
    return Trajectory(start, gradients, stacked)


def optax_step(tx):
    state = tx.init(problem(0)[0])

    def step(g, p):
        nonlocal state
        g, p = jax.tree.map(jnp.asarray, (g, p))
        updates, state = tx.update(g, state, p)
        return jax.tree.map(np.asarray, updates)

    return step


@pytest.mark.parametrize("name", CASES)
def test_equals_the_formula_and_optax(name):
    case = CASES[name]
    paths = [path(case.formula, seed) for seed in range(2)]
    if case.theirs is not None:
        with jax.enable_x64(True):
            paths += [path(optax_step(case.theirs), seed) for seed in range(2)]
    scaled = adamx.chain(case.ours, adamx.scale(-RATE))
    TRUTH.check(Subject.of(scaled, name, references=tuple(paths)))


def test_ema_is_optaxs():
    for debias in (True, False):
        with jax.enable_x64(True):
            found = path(optax_step(optax.ema(0.8, debias)), 0)
        tx = adamx.chain(adamx.ema(0.8, debias), adamx.scale(-RATE))
        TRUTH.check(Subject.of(tx, "ema", references=(found,)))


# What each does where squares are no numbers, and with what is not finite.

SAME_DIRECTION = {
    "clip_by_norm": adamx.clip_by_norm(1.0),
    "clip_by_block_rms": adamx.clip_by_block_rms(0.5),  # of four numbers
    "clip_by_global_norm": adamx.clip_by_global_norm(1.0),
    "adaptive_grad_clip": adamx.adaptive_grad_clip(1.0, eps=1.0),
    "normalize": adamx.normalize(),
    "normalize_by_update_norm": adamx.normalize_by_update_norm(1.0, 0.0),
}


@pytest.mark.parametrize("name", SAME_DIRECTION)
@pytest.mark.parametrize("size", [1e4, 1e20, 3e38])
def test_norms_do_not_overflow(name, size):
    tx, start = SAME_DIRECTION[name], jnp.zeros(4)
    g = jnp.array([1.0, -1.0, 0.0, 0.5]) * size
    updates, _ = tx.update(g, tx.init(start), start)
    np.testing.assert_allclose(updates, np.array([1, -1, 0, 0.5]) / 1.5, rtol=1e-6)


@pytest.mark.parametrize("name", ["normalize", "normalize_by_update_norm"])
def test_norms_do_not_underflow(name):
    tx, g = SAME_DIRECTION[name], jnp.array([1.0, -1.0, 0.0, 0.5]) * 1e-30
    updates, _ = tx.update(g, tx.init(g), g)
    np.testing.assert_allclose(updates, np.array([1, -1, 0, 0.5]) / 1.5, rtol=1e-6)
    zero, _ = tx.update(jnp.zeros(4), tx.init(g), g)
    assert zero.tolist() == [0.0] * 4


@pytest.mark.parametrize("weight", [1e-30, 1e30])
def test_parameters_of_any_size_have_norms(weight):
    p, g = jnp.full(4, weight), jnp.full(4, 1.0)
    updates, _ = adamx.scale_by_param_block_norm(0.0).update(g, {}, p)
    np.testing.assert_allclose(np.asarray(updates) / weight, 2.0, rtol=1e-6)
    clip = adamx.adaptive_grad_clip(0.5, eps=0.0)
    updates, _ = clip.update(jnp.full(4, 3e38), {}, p)
    np.testing.assert_allclose(np.asarray(updates) / weight, 0.5, rtol=1e-6)


BAD = pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])


@BAD
@pytest.mark.parametrize(
    "tx",
    [
        adamx.clip_by_global_norm(1.0),
        adamx.normalize(),
        adamx.normalize_by_update_norm(),
    ],
    ids=str,
)
def test_one_number_that_is_not_finite_makes_all_updates_nan(tx, bad):
    g = {"a": jnp.array([1.0, bad]), "b": jnp.ones(3), "empty": jnp.ones((0, 2))}
    updates, _ = tx.update(g, tx.init(g))
    assert all(jnp.isnan(u).all() for u in updates.values())


@BAD
def test_adaptive_clipping_keeps_what_is_not_finite_to_its_unit(bad):
    g = jnp.ones((3, 2)).at[1, 0].set(bad)
    updates, _ = adamx.adaptive_grad_clip(0.1).update(g, {}, jnp.ones((3, 2)))
    assert jnp.isnan(updates[:, 0]).all()
    np.testing.assert_allclose(updates[:, 1], 0.1, rtol=1e-6)


def test_zero_nans_says_where_they_were_in_the_last_updates():
    tx = adamx.chain(adamx.zero_nans(), adamx.scale(1.0))
    g = {"a": jnp.array([1.0, jnp.nan, jnp.inf]), "b": jnp.ones(2), "c": None}
    updates, state = tx.update(g, tx.init(g))
    assert updates["a"].tolist() == [1.0, 0.0, float("inf")]
    found = state["zero_nans"]["found_nan"]
    assert (bool(found["a"]), bool(found["b"]), found["c"]) == (True, False, None)
    _, state = tx.update({**g, "a": jnp.ones(3)}, state)
    assert not bool(state["zero_nans"]["found_nan"]["a"])


def test_zero_nans_zeroes_a_complex_number_of_which_a_part_is_nan():
    g = jnp.array([complex(1, float("nan")), 1j])
    updates, _ = adamx.zero_nans().update(g, adamx.zero_nans().init(g))
    assert updates.tolist() == [0j, 1j]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_parameters_stay_nonnegative_in_every_dtype(dtype):
    rng = np.random.default_rng(0)
    tx = adamx.chain(adamx.sgd(0.37), adamx.keep_params_nonnegative())
    params = jnp.asarray(np.abs(rng.normal(size=1000)), dtype)
    state, zeros = tx.init(params), 0
    for _ in range(20):
        g = jnp.asarray(rng.normal(size=1000), jnp.float32)
        updates, state = tx.update(g, state, params)
        params = adamx.apply_updates(params, updates)
        assert (params >= 0).all()
        zeros += int((params == 0).sum())
    assert zeros > 1000


# Which numbers a norm is over.


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((), ()),
        ((5,), (0,)),
        ((1, 5), (0, 1)),
        ((5, 1), (0, 1)),
        ((3, 4), (0,)),
        ((3, 4, 2), (0,)),
        ((3, 3, 2, 4), (0, 1, 2)),
        ((2, 2, 2, 2, 3), (0, 1, 2, 3)),
    ],
)
def test_units_are_those_of_the_authors_code(shape, axes):
    rng = np.random.default_rng(0)
    g, p = rng.normal(size=shape), rng.normal(size=shape)
    expected = shrink(g, norm(g, axes), 0.1 * np.maximum(norm(p, axes), 1e-3))
    g, p = jnp.asarray(g, jnp.float32), jnp.asarray(p, jnp.float32)
    ours, _ = adamx.adaptive_grad_clip(0.1).update(g, {}, p)
    tx = optax.adaptive_grad_clip(0.1)
    theirs, _ = tx.update(g, tx.init(p), p)
    np.testing.assert_allclose(ours, expected.reshape(shape), rtol=1e-6)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6)


def test_adaptive_clipping_refuses_an_axis_that_is_not_there():
    g = jnp.ones((3, 4))
    with pytest.raises(adamx.TransformError, match=r"(?s)axis.*\(3, 4\).*\(0, 2\)"):
        adamx.adaptive_grad_clip(0.1, axis=(0, 2)).update(g, {}, g)


def test_a_clip_sees_the_group_it_is_in_and_one_outside_sees_all():
    g = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([12.0]), "held": jnp.array([99.0])}
    clip, same = adamx.clip_by_global_norm(1.0), adamx.identity()
    labels = {"a": "a", "b": "b", "held": "b"}
    frozen = adamx.freeze(dict.fromkeys("ab", False) | {"held": True})

    def updates(*pieces):
        tx = adamx.chain(*pieces, frozen)
        out, _ = tx.update(g, tx.init(g), g)
        assert out["held"].tolist() == [0.0]
        return [*out["a"].tolist(), *out["b"].tolist()]

    own, whole = [0.6, 0.8], [3 / 13, 4 / 13, 12 / 13]
    in_one = adamx.partition({"a": clip, "b": same}, labels)
    in_each = adamx.partition({"a": clip, "b": clip}, labels)
    masked = adamx.masked(clip, {"a": True, "b": False, "held": False})
    np.testing.assert_allclose(updates(in_one), [*own, 12.0], rtol=1e-6)
    np.testing.assert_allclose(updates(masked), [*own, 12.0], rtol=1e-6)
    np.testing.assert_allclose(updates(in_each), [*own, 1.0], rtol=1e-6)
    outside = adamx.partition({"a": same, "b": same}, labels)
    np.testing.assert_allclose(updates(clip, outside), whole, rtol=1e-6)
    np.testing.assert_allclose(updates(outside, clip), whole, rtol=1e-6)
