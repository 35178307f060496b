"""States of combinators and wrappers are those that users of Optax read and change."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx import TransformError
from adamx import optax as ours

theirs: Any = pytest.importorskip("optax")

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "b": jnp.array([0.5, -2.0])}
GRADS = jax.tree.map(lambda p: p + 0.5, PARAMS)
RATE = theirs.linear_schedule(0.1, 0.0, 10)


def nested(o: Any) -> Any:
    """Return a transform with all wrappers of which the state has another layout."""
    parts = {
        "a": o.chain(o.clip(1.0), o.inject_hyperparams(o.adam)(RATE, b1=0.8)),
        "b": o.apply_if_finite(o.sgd(0.1, 0.9), 2),
    }
    chosen = {"w": "a", "b": "b"}
    inner = o.named_chain(
        ("parts", o.multi_transform(parts, chosen)),
        ("mask", o.masked(o.trace(0.9), {"w": True, "b": False})),
        ("some", o.conditionally_mask(o.scale(0.5), lambda step: step < 3)),
        ("more", o.conditionally_transform(o.scale(0.5), lambda step: step < 3)),
    )
    return o.MultiSteps(inner, 2, should_skip_update_fn=o.skip_not_finite)


def after(o: Any, steps: int) -> Any:
    tx = nested(o)
    state, params = tx.init(PARAMS), PARAMS
    for _ in range(steps):
        updates, state = tx.update(GRADS, state, params)
        params = o.apply_updates(params, updates)
    return state


FIELDS = [
    "s.mini_step",
    "s.gradient_step",
    "s.skip_state['num_not_finite']",
    "s.inner_opt_state['parts'].inner_states['a']{}[1].hyperparams['learning_rate']",
    "s.inner_opt_state['parts'].inner_states['a']{}[1].hyperparams['b1']",
    "s.inner_opt_state['parts'].inner_states['a']{}[1].count",
    "s.inner_opt_state['parts'].inner_states['b']{}.notfinite_count",
    "s.inner_opt_state['parts'].inner_states['b']{}.last_finite",
    "s.inner_opt_state['some'].step",
    "s.inner_opt_state['more'].step",
    "len(s.inner_opt_state['parts'].inner_states['a']{})",
]


@pytest.mark.parametrize("steps", [0, 3, 4])
def test_fields_have_the_values_of_optax(steps):
    own, other = after(ours, steps), after(theirs, steps)
    for field in FIELDS:
        got = eval(field.format(""), {"s": own})
        # Optax masks what a part of a tree is not to see, and has a state for that.
        expected = eval(field.format(".inner_state"), {"s": other})
        np.testing.assert_allclose(got, expected, rtol=1e-6, err_msg=field)


def test_a_state_can_be_scanned():
    tx = nested(ours)

    def step(state: Any, _: Any) -> tuple[Any, Any]:
        updates, state = tx.update(GRADS, state, PARAMS)
        return state, updates

    state, updates = jax.lax.scan(step, tx.init(PARAMS), None, 4)
    eager = after(ours, 4)
    assert jax.tree.structure(state) == jax.tree.structure(eager)
    assert state.gradient_step == 2
    assert updates["w"].shape == (4, 2, 3)


@pytest.mark.parametrize("value", [0.5, jnp.float32(0.5), np.float64(0.5)])
def test_hyperparameters_can_be_set_in_the_state(value):
    for o in (ours, theirs):
        tx = o.chain(o.clip(10.0), o.inject_hyperparams(o.sgd)(learning_rate=0.1))
        state = tx.init(PARAMS)
        update = jax.jit(tx.update)
        _, state = update(GRADS, state, PARAMS)
        state[1].hyperparams["learning_rate"] = value
        updates, state = update(GRADS, state, PARAMS)
        np.testing.assert_allclose(updates["w"], -0.5 * GRADS["w"], rtol=1e-6)
        assert state[1].hyperparams["learning_rate"] == 0.5
        other = theirs.tree_utils.tree_set(state, learning_rate=jnp.float32(0.25))
        updates, _ = update(GRADS, other, PARAMS)
        np.testing.assert_allclose(updates["w"], -0.25 * GRADS["w"], rtol=1e-6)


def test_a_schedule_with_a_state_of_its_own_is_followed():
    class Falling(theirs.schedules.StatefulSchedule):
        def init(self) -> Any:
            return jnp.float32(0.1)

        def update(self, state: Any, **extra: Any) -> Any:
            return state / 2

        def __call__(self, state: Any, **extra: Any) -> Any:
            return state

    for o in (ours, theirs):
        tx = o.chain(o.clip(10.0), o.inject_hyperparams(o.sgd)(Falling()))
        state = tx.init(PARAMS)
        for rate in (0.1, 0.05):
            updates, state = tx.update(GRADS, state, PARAMS)
            np.testing.assert_allclose(updates["w"], -rate * GRADS["w"], rtol=1e-6)
        assert state[1].hyperparams_states["learning_rate"] == jnp.float32(0.025)


def test_a_wrong_static_argument_is_named_at_once():
    with pytest.raises(TransformError, match="'rate' in static_args"):
        ours.inject_hyperparams(ours.sgd, "rate")


def test_a_batch_that_is_skipped_never_happened():
    tx = ours.MultiSteps(ours.sgd(1.0), 2, should_skip_update_fn=ours.skip_not_finite)
    bad = {**GRADS, "b": jnp.array([1.0, jnp.nan])}
    state = tx.init(PARAMS)
    found = []
    for grads in (GRADS, bad, GRADS):
        updates, state = tx.update(grads, state, PARAMS)
        found.append((int(state.mini_step), bool(tx.has_updated(state))))
    assert found == [(1, False), (1, False), (0, True)]
    np.testing.assert_allclose(updates["w"], -GRADS["w"], rtol=1e-6)


def test_names_are_found_in_such_a_state():
    state = after(ours, 4)
    assert adamx.find(state, "learning_rate") == theirs.tree.get(state, "learning_rate")
    assert adamx.find(state, "mu")["w"].shape == (2, 3)
    assert isinstance(ours.clip(1.0).init(PARAMS), dict | ours.EmptyState)
    assert isinstance(ours.chain(ours.clip(1.0)).init(PARAMS)[0], ours.EmptyState)


def test_a_state_of_adamx_is_taken_too():
    tx = ours.chain(ours.clip(1.0), ours.adamw(0.1))
    old = theirs.adamw(0.1)
    state = adamx.from_optax(old.init(PARAMS), tx, PARAMS)
    updates, state = tx.update(GRADS, state, PARAMS)
    expected, _ = tx.update(GRADS, tx.init(PARAMS), PARAMS)
    jax.tree.map(np.testing.assert_array_equal, updates, expected)
    assert isinstance(state, tuple)


@pytest.mark.parametrize("state", [None, 3, [1, 2], ((), (), ())])
def test_a_wrong_state_is_named(state):
    tx = ours.chain(ours.clip(1.0), ours.inject_hyperparams(ours.sgd)(0.1))
    with pytest.raises(TransformError, match="state does not fit this transform"):
        tx.update(GRADS, state, PARAMS)
