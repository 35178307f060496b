"""Windows that end early, and whether a call made a step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from tests.trees import grads, params


def flushed_adam(calls, k, mean):
    """Adam in NumPy, on the mean (or sum) of each window; `calls` are (g, flush)."""
    window, mu, nu, t, out = [], 0.0, 0.0, 0, []
    for g, flush in calls:
        window.append(g)
        if len(window) < k and not flush:
            out.append(0.0)
            continue
        g, t = (np.mean if mean else np.sum)(window, 0), t + 1
        mu, nu, window = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g**2, []
        out.append(-0.1 * mu / (1 - 0.9**t) / (np.sqrt(nu / (1 - 0.999**t)) + 1e-8))
    return out


@pytest.mark.parametrize("mean", [True, False])
def test_a_flush_ends_the_window_with_the_mean_of_what_is_there(mean, x64):
    rng = np.random.default_rng(0)
    flushes = [False, False, True, True, False, False, False, False, True, False]
    calls = [(float(rng.normal()), flush) for flush in flushes]
    tx = adamx.MultiSteps(adamx.adam(0.1), 4, use_grad_mean=mean)
    traces = []

    @jax.jit
    def step(g, flush, state):
        traces.append(flush)
        return tx.update(g, state, jnp.float64(0), flush=flush)

    state, out, stepped = tx.init(jnp.float64(0)), [], []
    for g, flush in calls:
        updates, state = step(jnp.float64(g), flush, state)
        out.append(float(updates))
        stepped.append(bool(adamx.has_updated(state)))
    expected = flushed_adam(calls, 4, mean)
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    assert stepped == [u != 0 for u in expected]
    assert len(traces) == 1  # a bool that is traced needs one program


def test_a_flush_of_none_changes_nothing():
    tx = adamx.MultiSteps(adamx.sgd(0.1), 3)
    state = other = tx.init(params())
    for seed in range(6):
        g = grads(params(), seed)
        a, state = tx.update(g, state, params())
        b, other = tx.update(g, other, params(), flush=False)
        jax.tree.map(np.testing.assert_array_equal, (a, state), (b, other))


def test_a_flush_reaches_a_window_inside_and_one_whose_length_changes():
    tx = adamx.MultiSteps(adamx.MultiSteps(adamx.sgd(1.0), 2), lambda n: 2 + n)
    state, out = tx.init(jnp.float32(0)), []
    for g, flush in ((1, False), (3, False), (5, True), (7, False), (9, False)):
        updates, state = tx.update(jnp.float32(g), state, flush=flush)
        out.append((float(updates), bool(adamx.has_updated(state))))
    # The mean of 1 and 3 waits inside for the 5.
    assert out == [(0, False), (0, False), (-3.5, True), (0, False), (0, False)]


@pytest.mark.parametrize("flush", [1, None, jnp.array([True]), "yes", 0.0])
def test_a_flush_is_one_bool(flush):
    tx = adamx.MultiSteps(adamx.sgd(1.0), 2)
    with pytest.raises(adamx.TransformError, match=r"'flush'(.|\n)*MultiSteps"):
        tx.update(jnp.float32(1), tx.init(jnp.float32(1)), flush=flush)


def test_a_step_is_known_as_optax_knows_it():
    ours, theirs = (
        adamx.MultiSteps(adamx.sgd(0.1), 3),
        optax.MultiSteps(optax.sgd(0.1), 3),
    )
    mine, state = ours.init(params()), theirs.init(params())
    for seed in range(7):
        assert bool(adamx.has_updated(mine)) == bool(theirs.has_updated(state))
        _, mine = ours.update(grads(params(), seed), mine)
        _, state = theirs.update(grads(params(), seed), state)


SKIPPED = {
    "around": lambda: adamx.apply_if_finite(adamx.MultiSteps(adamx.sgd(1.0), 2), 5),
    "inside": lambda: adamx.MultiSteps(adamx.skip_large_updates(adamx.sgd(1.0), 9), 2),
    "side by side": lambda: adamx.partition(
        {
            "a": adamx.skip_large_updates(adamx.MultiSteps(adamx.sgd(1.0), 2), 9),
            "b": adamx.MultiSteps(adamx.sgd(1.0), 4),
        },
        {"a": "a", "b": "b"},
    ),
}
ANSWERS = {
    "around": [False, True, False, False, True],
    "inside": [False, True, False, False, False],
    "side by side": [False, True, False, True, True],
}


@pytest.mark.parametrize("name", SKIPPED)
def test_a_step_that_is_skipped_is_none(name):
    tx = SKIPPED[name]()
    state, found = tx.init({"a": jnp.zeros(()), "b": jnp.zeros(())}), []
    for g in (1.0, 1.0, jnp.inf, 1.0, 1.0):
        _, state = tx.update({"a": jnp.float32(g), "b": jnp.float32(1)}, state)
        found.append(bool(adamx.has_updated(state)))
    assert found == ANSWERS[name]


def test_a_state_that_does_not_accumulate_is_refused():
    for state in (adamx.adam(0.1).init(params()), {}, (), None):
        with pytest.raises(adamx.TransformError, match="MultiSteps"):
            adamx.has_updated(state)
