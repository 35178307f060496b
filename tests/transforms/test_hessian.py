"""Estimates of the diagonal of the Hessian, and how often they are looked at."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx import (
    gauss_newton_bartlett_diag_hessian,
    hutchinson_estimator_diag_hessian,
)

SAMPLES = 4000


def matrix(n):
    root = np.random.default_rng(0).normal(size=(n, n))
    return jnp.asarray(root + root.T, jnp.float32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_signs_find_a_diagonal_exactly(dtype):
    """Through a tree with a scalar, an absent leaf and one of size zero in it."""
    w, s = jnp.array([[1.0, -2.0], [4.0, 0.5]], dtype), jnp.ones((), dtype)
    start: Any = {"w": w, "s": s, "absent": None, "empty": jnp.zeros((0, 3), dtype)}

    def loss(p):
        return jnp.sum(p["w"] ** 4) - 3 * p["s"] ** 2 + jnp.sum(p["empty"])

    found = hutchinson_estimator_diag_hessian(loss, start, jax.random.key(0))
    np.testing.assert_array_equal(found["w"], 12 * np.float32(start["w"]) ** 2)
    assert float(found["s"]) == -6.0
    assert found["absent"] is None
    assert found["empty"].shape == (0, 3)
    assert found["w"].dtype == found["s"].dtype == "float32"


@pytest.mark.parametrize(("probe", "own"), [("rademacher", 0), ("normal", 2)])
def test_the_mean_is_the_diagonal(probe, own):
    """Within 5 standard deviations of a mean; the variance is known for each probe."""
    hessian = matrix(6)
    found = hutchinson_estimator_diag_hessian(
        lambda p: p["x"] @ hessian @ p["x"] / 2,
        {"x": jnp.ones(6)},
        jax.random.key(1),
        probe=probe,
        samples=SAMPLES,
    )["x"]
    diagonal = jnp.diag(hessian)
    others = jnp.sum(hessian**2, 1) - diagonal**2
    deviation = jnp.sqrt((others + own * diagonal**2) / SAMPLES)
    assert (jnp.abs(found - diagonal) < 5 * deviation + 1e-5).all()


def test_leaves_have_probes_of_their_own():
    """With one z for both, a mixed derivative would be taken for a diagonal."""
    start = {"a": jnp.ones(200), "b": jnp.ones(200)}
    found = hutchinson_estimator_diag_hessian(
        lambda p: p["a"] @ p["b"], start, jax.random.key(0)
    )
    assert abs(float(found["a"].mean())) < 5 * 200**-0.5


def test_labels_of_the_model_find_the_gauss_newton_part():
    """Linear logits have no other part, so that the Hessian is all of it."""
    rng = np.random.default_rng(2)
    inputs = jnp.asarray(rng.normal(size=(3, 4, 5)), jnp.float32)
    start = jnp.asarray(rng.normal(size=(5, 3)), jnp.float32)
    labels = jnp.zeros((3, 4), jnp.int32)

    def loss(w):
        logs = jax.nn.log_softmax(inputs @ w)
        return -jnp.take_along_axis(logs, labels[..., None], -1).mean()

    def estimate(key):
        return gauss_newton_bartlett_diag_hessian(lambda w: inputs @ w, start, key)

    each = jax.lax.map(estimate, jax.random.split(jax.random.key(0), SAMPLES))
    hessian = jax.hessian(loss)(start).reshape(15, 15)
    deviation = each.std(0).ravel() / SAMPLES**0.5
    away = jnp.abs(each.mean(0).ravel() - jnp.diag(hessian))
    assert (away < 5 * deviation).all()


def test_what_is_no_probe_is_refused():
    with pytest.raises(adamx.TransformError, match="'rademacher'"):
        hutchinson_estimator_diag_hessian(
            jnp.sum, jnp.ones(2), jax.random.key(0), probe="signs"
        )


def test_curvature_is_only_looked_at_when_it_is_due():
    tx = adamx.hessian_moment(0.5, update_interval=3)
    state, seen, traces = tx.init(jnp.float32(0)), [], 0

    @jax.jit
    def update(g, state, hessian):
        nonlocal traces
        traces += 1
        return tx.update(g, state, hessian=hessian)

    for t in range(7):
        due = t % 3 == 0
        hessian = jnp.float32(4.0 if due else jnp.nan)
        updates, state = update(jnp.float32(1), state, hessian)
        seen.append(float(updates))
    assert seen == [2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.5]
    assert traces == 1


def test_sophia_steps_by_signs_where_nothing_is_curved():
    tx = adamx.scale_by_sophia()
    g = jnp.array([1e-30, -1e30, 2.0, 0.0])
    for hessian in (0.0, -1e30):
        h = jnp.full(4, hessian)
        updates, _ = tx.update(g, tx.init(g), hessian=h)
        assert updates[1:].tolist() == [-1.0, 1.0, 0.0]
        assert jnp.isfinite(updates).all()
