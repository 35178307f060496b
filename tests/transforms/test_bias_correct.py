"""Division of an average by the sum of its weights."""

import jax.numpy as jnp
import pytest

import adamx


def test_the_first_weights_have_all_digits_of_float32():
    """1 + (−0.999) would have a relative error of 2e-5 after the first step."""
    tx = adamx.bias_correct(adamx.scale_by_momentum(0.999))
    state = tx.init(jnp.float32(0))
    for _ in range(3):
        updates, state = tx.update(jnp.float32(3), state)
        assert float(updates) == pytest.approx(3, rel=3e-7)
