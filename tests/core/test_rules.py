"""Rules that users write: what they are given, and what they are told when wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx


class Norm(adamx.Rule):
    """Divide by the sum of squares of all leaves, and keep it."""

    locality = "tree"
    counts = True

    def shared(self):
        return {"total": jnp.zeros(())}

    def measure(self, g, slots, shared, param):
        return jnp.sum(g * g) * shared["count"]

    def advance(self, shared, over_leaves):
        return {**shared, "total": jnp.sum(over_leaves(self.measure, shared))}

    def step(self, g, slots, shared, param):
        return g / shared["total"], slots


@pytest.mark.parametrize("jit", [False, True])
def test_a_reduction_sees_every_leaf_and_what_is_shared(jit):
    tx = adamx.lift(Norm(), "norm")
    params = {"a": jnp.ones((2, 3)), "b": jnp.ones(4), "absent": None}
    update, state = jax.jit(tx.update) if jit else tx.update, tx.init(params)
    for count in (1, 2):
        updates, state = update(params, state)
        np.testing.assert_allclose(updates["b"], 1 / (10 * count), rtol=1e-6)
        assert float(state["norm"]["total"]) == 10 * count


def test_a_reduction_of_a_tree_without_leaves_is_that_of_an_empty_array():
    tx = adamx.lift(Norm(), "norm")
    _, state = tx.update({"a": None}, tx.init({"a": None}))
    assert float(state["norm"]["total"]) == 0


def test_a_reduction_needs_a_method_of_the_rule():
    class Wrong(Norm):
        def advance(self, shared, over_leaves):
            return over_leaves(lambda g, *_: jnp.sum(g), shared)

    tx = adamx.lift(Wrong(), "wrong")
    with pytest.raises(adamx.TransformError, match="over_leaves needs a method"):
        tx.update(jnp.ones(3), tx.init(jnp.ones(3)))


def test_advance_that_loses_a_name_is_told_which():
    class Wrong(adamx.Rule):
        def shared(self):
            return {"seen": jnp.zeros(()), "mean": jnp.zeros(())}

        def advance(self, shared):
            return {"seen": shared["seen"] + 1}

        def step(self, g, slots, shared, param):
            return g, slots

    tx = adamx.lift(Wrong(), "wrong")
    with pytest.raises(adamx.TransformError, match=r"(?s)`advance`.*wrong.*'mean'"):
        tx.update(jnp.ones(3), tx.init(jnp.ones(3)))


def test_step_that_loses_a_slot_is_told_so():
    class Wrong(adamx.Rule):
        def slots(self, param):
            return {"mu": jnp.zeros_like(param), "nu": jnp.zeros_like(param)}

        def step(self, g, slots, shared, param):
            return g, {"mu": g}

    tx = adamx.lift(Wrong(), "wrong")
    with pytest.raises(
        adamx.TransformError, match=r"(?s)`step`.*'mu'.*'nu'.*got:.*'mu'"
    ):
        tx.update(jnp.ones(3), tx.init(jnp.ones(3)))


def test_the_numbers_of_bias_correction_have_names():
    tx = adamx.adam(0.1, b1=0.75)
    params = jnp.ones(3)
    _, state = tx.update(params, tx.init(params), params)
    mu = adamx.find(state, "scale_by_momentum")
    assert sorted(mu) == ["mu", "mu_weight_sum", "mu_weight_sum_minus_one"]
    assert float(mu["mu_weight_sum"]) == 0.25
    assert float(mu["mu_weight_sum_minus_one"]) == -0.75


def test_a_wrapper_of_rules_resolves_the_rates_inside():
    """A schedule inside a wrapper is that of the step, as it is outside."""
    rate = adamx.schedules.linear_schedule(1.0, 0.0, 4)
    inside = adamx.stored(adamx.chain(adamx.trace(0.5), adamx.scale(rate)), min_size=0)
    outside = adamx.chain(adamx.trace(0.5), adamx.scale(rate))
    g = jnp.arange(3.0)
    states = inside.init(g), outside.init(g)
    for _ in range(3):
        a, first = inside.update(g, states[0])
        b, second = outside.update(g, states[1])
        states = first, second
        np.testing.assert_array_equal(a, b)
