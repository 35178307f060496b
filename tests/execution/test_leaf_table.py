"""Checks of updates, parameters and slots, leaf by leaf."""

import jax.numpy as jnp
import pytest

import adamx


class Past(adamx.Rule):
    """Emits the gradient of two steps ago."""

    def slots(self, param):
        return {"past": (jnp.zeros_like(param), jnp.zeros_like(param))}

    def step(self, g, slots, shared, param):
        last, before = slots["past"]
        return before, {"past": (g, last)}


@pytest.mark.parametrize("names", ["0", "012"])
def test_a_leaf_with_too_few_or_too_many_arrays_is_refused(names):
    tx, params = adamx.lift(Past(), "past"), {"w": jnp.ones(2)}
    state = {"past": {"past": dict.fromkeys(names, params)}}
    with pytest.raises(adamx.TransformError) as error:
        tx.update(params, state, params)
    words = "'past' does not fit", "['w']", "float32[2], float32[2]"
    assert not [word for word in words if word not in str(error.value)]
