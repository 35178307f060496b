"""Polyak's step at the edges."""

import jax.numpy as jnp
import numpy as np
import pytest

import adamx


def step(tx, g, value):
    return np.asarray(tx.update(jnp.asarray(g), tx.init(jnp.zeros(2)), value=value)[0])


@pytest.mark.parametrize("size", [1e-30, 1e-10, 1.0, 1e10, 1e25])
def test_no_square_overflows(size):
    tx = adamx.scale_by_polyak(max_learning_rate=1e38)
    g = np.array([3 * size, 4 * size], np.float32)
    # The loss falls by itself: 5/25 of one of 5·size².
    expected = np.asarray(g, np.float64) / (25 * size)
    np.testing.assert_allclose(step(tx, g, 1.0 * size), expected, rtol=1e-6)


def test_a_loss_below_its_bound():
    g = [3.0, 4.0]
    assert step(adamx.scale_by_polyak(1.0), g, 0.5).tolist() == pytest.approx(
        [-0.06, -0.08]
    )
    assert not step(adamx.scale_by_polyak(1.0, variant="sps+"), g, 0.5).any()


def test_the_scaling_multiplies_the_step():
    """In Optax 0.2.8 it divides it: there the norm is that of the scaled gradient."""
    g = jnp.array([3.0, 4.0])
    for scaling in (1.0, 0.5):
        tx = adamx.polyak_sgd(scaling=scaling)
        updates, _ = tx.update(g, tx.init(g), g, value=5.0)
        np.testing.assert_allclose(updates, -scaling * g / 5, rtol=1e-6)


def test_an_unknown_variant_is_refused():
    with pytest.raises(adamx.TransformError, match=r"(?s)variant.*'sps' or 'sps\+'"):
        adamx.scale_by_polyak(variant="spsx")
