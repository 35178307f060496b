"""Hyperparameters in the state: what they do, and what becomes of wrong ones."""

import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.schedules import inverse_time_decay_schedule
from tests.trees import assert_same_bits, grads, params, run

inject = adamx.inject_hyperparams


def values(state):
    return state["inject_hyperparams"]["hyperparams"]


def close(a, b, rtol=4 * 2**-23):
    """By default within two roundings of b1 and b2 to float32."""
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol, atol=1e-12)


def test_a_change_compiles_nothing_and_takes_effect():
    tx, traces = inject(adamx.adam)(0.1), []

    @jax.jit
    def update(g, state):
        traces.append(1)
        return tx.update(g, state, params())

    state = tx.init(params())
    first, _ = update(grads(params()), state)
    second, new = update(
        grads(params()), adamx.set_hyperparams(state, learning_rate=0.05)
    )
    assert len(traces) == 1
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, 2 * b), first, second)
    assert float(values(new)["learning_rate"]) == np.float32(0.05)
    assert float(values(state)["learning_rate"]) == np.float32(0.1)


def test_equal_programs_are_shared_whatever_the_numbers():
    one, two = inject(adamx.adam)(0.1), inject(adamx.adam)(0.2, b1=0.5)
    assert one != two
    other = inject(adamx.adam)(0.1, eps_hat=True)
    assert one._programs.static == two._programs.static != other._programs.static


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_narrow_tree_has_wide_hyperparameters(dtype):
    """Optax rounds b2 to 1 here, and divides by zero."""
    start = jax.tree.map(lambda p: p.astype(dtype), params())
    tx = inject(adamx.adam)(0.1)
    updates, state = run(tx, start)
    assert {x.dtype for x in values(state).values()} == {jnp.dtype(jnp.float32)}
    assert float(values(state)["b2"]) == np.float32(0.999)
    plain, _ = run(adamx.adam(0.1), start)
    close(*(jax.tree.map(lambda x: x.astype(jnp.float32), u) for u in (updates, plain)))


def test_a_schedule_is_followed_and_can_be_read_but_not_set():
    schedule = inverse_time_decay_schedule(0.1, 0.5)
    tx = inject(adamx.adam)(schedule, b1=0.8)
    updates, state = run(tx, params())
    close(updates, run(adamx.adam(schedule, b1=0.8), params())[0])
    mine = state["inject_hyperparams"]
    assert float(mine["scheduled"]["learning_rate"]) == np.float32(schedule(3))
    with pytest.raises(adamx.TransformError, match="follows a schedule"):
        adamx.set_hyperparams(state, learning_rate=0.5)


CHAINS = {
    "chain": lambda tx: adamx.chain(adamx.clip(1.0), tx, adamx.scale(0.5)),
    "partition": lambda tx: adamx.partition({1: tx}, lambda path, leaf: 1),
    "MultiSteps": lambda tx: adamx.MultiSteps(tx, 1),
    "inject": lambda tx: inject(adamx.chain)(adamx.identity(), tx),
}


@pytest.mark.parametrize("around", CHAINS)
def test_it_stands_anywhere(around):
    whole = CHAINS[around]
    close(
        run(whole(inject(adamx.lamb)(0.1)), params())[0],
        run(whole(adamx.lamb(0.1)), params())[0],
    )
    state = whole(inject(adamx.lamb)(0.1)).init(params())
    adamx.set_hyperparams(state, learning_rate=0.5)


def test_a_name_is_set_wherever_it_is():
    tx = adamx.chain(inject(adamx.trace)(0.9), inject(adamx.trace)(0.8))
    state = adamx.set_hyperparams(tx.init(params()), decay=0.5)
    found = [state[n]["hyperparams"]["decay"] for n in state]
    assert [float(x) for x in found] == [0.5, 0.5]


def two_rates(learning_rate, rest_rate):
    return adamx.muon(learning_rate, rest=adamx.adamw(rest_rate))


def test_the_rest_of_the_leaves_may_have_a_rate_of_its_own():
    """By default it follows that of the matrices."""
    start = {"kernel": jnp.eye(3), "bias": jnp.ones(3)}

    def sizes(tx, **rates):
        state = adamx.set_hyperparams(tx.init(start), **rates)
        u, _ = tx.update(start, state, start)
        return float(u["kernel"][0, 0]), float(u["bias"][0])

    matrix, vector = sizes(inject(adamx.muon)(0.1), learning_rate=0.2)
    inside = adamx.muon(0.2, rest=inject(adamx.adamw)(0.1, weight_decay=0.0))
    both = inject(adamx.muon)(0.1, rest=inject(adamx.adamw)(0.1, weight_decay=0.0))
    apart = inject(two_rates)(0.1, 0.1)
    assert sizes(inside, learning_rate=0.4) == (matrix, 2 * vector)
    assert sizes(both, learning_rate=0.2) == (matrix, vector)
    assert sizes(apart, learning_rate=0.2)[0] == matrix
    assert sizes(apart, rest_rate=0.4)[0] == matrix / 2


def test_rates_can_be_mapped_over():
    tx, rates = inject(adamx.adam)(0.0), jnp.array([0.1, 0.2])

    def one(rate):
        state = adamx.set_hyperparams(tx.init(params()), learning_rate=rate)
        return tx.update(grads(params()), state, params())[0]

    together = jax.vmap(one)(rates)
    for i, rate in enumerate(rates):
        close(jax.tree.map(lambda x, i=i: x[i], together), one(rate))


def test_optax_builders_are_injected_too():
    ours, theirs = inject(optax.adam)(0.1), optax.adam(0.1)
    # 1 − b2 of a b2 in float32 is off by 3e-5 at the most, its root by half of that.
    close(run(ours, params())[0], run(theirs, params())[0], 2e-5)
    state = adamx.set_hyperparams(ours.init(params()), b1=0.5)
    assert float(values(state)["b1"]) == 0.5


def test_what_is_static_stays():
    tx = inject(adamx.adam, static_args=("b1", "b2"))(0.1)
    assert sorted(values(tx.init(params()))) == ["eps", "eps_root", "learning_rate"]
    close(run(tx, params())[0], run(adamx.adam(0.1), params())[0])


def test_frozen_leaves_stay_frozen():
    def builder(learning_rate: float):
        frozen = adamx.freeze(lambda path, leaf: path.startswith("layer"))
        return adamx.chain(adamx.adamw(learning_rate), frozen)

    tx = inject(builder)(0.1)
    updates, state = run(tx, params())
    assert not jnp.any(updates["layer"]["w"])
    assert float(updates["scalar"]) != 0
    assert state["inject_hyperparams"]["inner"]["scale_by_second_moment"]


def test_it_remembers_its_call():
    tx = inject(adamx.adamw)(0.1, weight_decay=0.5)
    assert repr(tx) == "inject_hyperparams(adamw)(0.1, weight_decay=0.5)"
    assert tx == inject(adamx.adamw)(learning_rate=0.1, weight_decay=0.5)
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert repr(inject(functools.partial(adamx.sgd, 0.1))()).startswith("inject")


def test_a_state_lasts_longer_than_its_numbers_are_used():
    """The transform keeps what the states begin with; a donated one takes nothing."""
    tx = inject(adamx.sgd)(jnp.float32(0.1))
    update = jax.jit(tx.update, donate_argnums=1)
    for _ in range(2):
        updates, _ = update(jnp.ones(2), tx.init(jnp.ones(2)))
        assert_same_bits(updates, jnp.full(2, -0.1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda s: adamx.set_hyperparams(s, learning_rat=1.0), "learning_rate"),
        (lambda s: adamx.set_hyperparams(s, b1=jnp.ones(3)), r"shape \(3,\)"),
        (lambda s: adamx.set_hyperparams({}, b1=1.0), "has no hyperparameters"),
        (lambda s: adamx.set_hyperparams(s, lr=1.0), "no hyperparameter 'lr'"),
        (lambda s: inject(adamx.adam)(0.1, b1=1.5), "adam: b1 must be in"),
        (lambda s: inject(adamx.adam, static_args="b3"), "one of learning_rate, b1"),
        (
            lambda s: inject(adamx.sgd)(0.1).update(params(), s),
            "does not fit this transform",
        ),
    ],
)
def test_what_is_wrong_is_said(wrong, words):
    with pytest.raises(adamx.TransformError, match=words):
        wrong(inject(adamx.adam)(0.1).init(params()))
