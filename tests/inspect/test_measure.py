"""Measurements are those of Optax, and a state that keeps them stays what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx


def norm(updates):
    return optax.tree.norm(updates)


def is_large(updates):
    return optax.tree.norm(updates) > 1.0


def measured(library):
    return library.chain(
        library.sgd(0.5, momentum=0.9),
        library.monitor(
            {
                "before": norm,
                "large": is_large,
                "often": library.measure_with_ema(is_large, 0.9),
                "raw": library.measure_with_ema(norm, 0.5, False),
            }
        ),
        library.scale(0.5),
        library.snapshot("after", lambda updates: jax.tree.map(jnp.abs, updates)),
    )


def test_measurements_are_those_of_optax():
    params = {"w": jnp.array([1.0, -2.0]), "b": jnp.array(0.5)}
    ours, theirs = measured(adamx), measured(optax)
    a, b = ours.init(params), theirs.init(params)
    for factor in (0.1, 2.0, -0.5, 1.0):
        g = jax.tree.map(lambda p, f=factor: f * p, params)
        (u, a), (v, b) = ours.update(g, a, params), theirs.update(g, b, params)
        jax.tree.map(np.testing.assert_array_equal, u, v)
        for name in ("before", "large", "often", "raw", "after"):
            found = adamx.find(a, name), adamx.find(b, name)
            jax.tree.map(
                lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), *found
            )
    assert adamx.find(a, "large").dtype == bool
    assert 0 < float(adamx.find(a, "often")) < 1  # it was, and it was not


def test_measurements_can_be_scanned():
    """In Optax the state of a monitor changes its structure in the first step."""
    tx = measured(adamx)
    params = {"w": jnp.ones(3, jnp.bfloat16)}

    def step(state, factor):
        return tx.update({"w": params["w"] * factor}, state, params)[1], None

    state, _ = jax.lax.scan(step, tx.init(params), jnp.arange(4).astype(jnp.bfloat16))
    first = tx.init(params)
    dtypes = [jax.tree.map(lambda x: x.dtype, one) for one in (state, first)]
    assert dtypes[0] == dtypes[1]
    assert adamx.find(state, "before").dtype == jnp.float32


def test_frozen_leaves_are_not_measured():
    params = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([12.0])}
    freeze = adamx.freeze({"a": False, "b": True})
    tx = adamx.chain(adamx.snapshot("norm", norm), freeze)
    _, state = tx.update(params, tx.init(params), params)
    assert float(adamx.find(state, "norm")) == 5.0


def test_a_measure_with_an_average_says_what_it_is():
    averaged = adamx.measure_with_ema(norm, 0.9)
    assert repr(averaged) == "measure_with_ema(norm, 0.9, debias=True)"
    assert adamx.monitor({"x": averaged}) == adamx.monitor({"x": averaged})
    with pytest.raises(adamx.TransformError, match="decay must be in"):
        adamx.measure_with_ema(norm, 1.5)
    assert adamx.monitor({}).init(jnp.ones(3)) == {}


def test_what_cannot_be_optimized_is_refused():
    with pytest.raises(adamx.TransformError, match=r"(?s)int32 cannot be.*snapshot"):
        adamx.snapshot("norm", norm).init({"w": jnp.arange(3)})
