"""Numbers of a leaf that are frozen: they never move, and nobody notices them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import Subject, examples, public_builders
from tests.trees import assert_same_bits, run_with_loss

MASK = {"w": np.array([[1, 1], [0, 0], [0, 1]], bool), "b": False, "absent": None}
HELD = MASK["w"]


def start(frozen=1.0):
    w = np.random.default_rng(0).normal(size=(3, 2))
    return {
        "w": jnp.asarray(np.where(HELD, frozen, w), "float32"),
        "b": jnp.array([0.5, -1.5]),
        "absent": None,
    }


def gradient(frozen, seed):
    rng = np.random.default_rng(seed)
    w = np.where(HELD, frozen, rng.normal(size=(3, 2)))
    return {"w": jnp.asarray(w, "float32"), "b": jnp.ones(2), "absent": None}


def train(base, frozen, of_frozen, mask=MASK):
    """The parameters after three steps, and the last state."""
    tx = adamx.chain(base, adamx.freeze(mask))
    subject = Subject.of(tx)
    params = start(frozen)
    state = subject.init(params)
    for seed in range(3):
        updates, state = subject.update(gradient(of_frozen, seed), state, params)
        params = adamx.apply_updates(params, updates)
    return params, state


def nobody_notices(base):
    """Whatever frozen numbers and their gradients are, all else is the same."""
    (a, first), (b, second) = train(base, 1.0, 1e3), train(base, 50.0, np.nan)
    for params, value in ((a, 1.0), (b, 50.0)):
        assert set(np.asarray(params["w"])[HELD].tolist()) == {value}
    np.testing.assert_array_equal(a["w"][~HELD], b["w"][~HELD])
    np.testing.assert_array_equal(a["b"], b["b"])
    assert_same_bits(first, second)
    return a


SOME = {
    "decay": lambda: adamx.adamw(0.1, weight_decay=0.5),
    "a global norm": lambda: adamx.chain(
        adamx.clip_by_global_norm(0.1), adamx.sgd(1.0, 0.9)
    ),
    "trust ratios": lambda: adamx.lamb(0.1, weight_decay=0.1),
    "inside a wrapper": lambda: adamx.MultiSteps(adamx.lars(0.1), 1),
    "a fork of trees": lambda: adamx.dog(),
}


@pytest.mark.parametrize("name", SOME)
def test_frozen_numbers_do_not_move_and_do_not_count(name):
    after = nobody_notices(SOME[name]())
    assert not np.any(np.asarray(after["w"] == start()["w"])[~HELD])


EXAMPLES = {name: next(examples(build)) for name, build in public_builders().items()}
# The caller's loss counts frozen numbers in.
LOSSLESS = [
    n for n, tx in EXAMPLES.items() if n != "freeze" and not tx.plan.facts.needs
]


@pytest.mark.full
@pytest.mark.parametrize("name", LOSSLESS)
def test_nothing_public_moves_or_counts_frozen_numbers(name):
    nobody_notices(EXAMPLES[name])


def test_the_others_go_as_in_a_numpy_loop_of_adamw(x64):
    params = jax.tree.map(lambda x: x.astype("float64"), start())
    tx = adamx.chain(adamx.adamw(0.1, weight_decay=0.5), adamx.freeze(MASK))
    state, w = tx.init(params), np.asarray(params["w"])
    mu = nu = np.zeros_like(w)
    for t in range(1, 6):
        g = jax.tree.map(lambda x: x.astype("float64"), gradient(7.0, t))
        updates, state = tx.update(g, state, params)
        params = adamx.apply_updates(params, updates)
        g = np.asarray(g["w"])
        mu, nu = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g**2
        u = mu / (1 - 0.9**t) / (np.sqrt(nu / (1 - 0.999**t)) + 1e-8) + 0.5 * w
        w = np.where(HELD, w, w - 0.1 * u)
        np.testing.assert_allclose(params["w"], w, rtol=1e-13)


AVERAGES = {
    "average": (
        lambda: adamx.chain(adamx.sgd(0.1), adamx.average_params(0.9)),
        adamx.averaged_params,
    ),
    "schedule_free": (
        lambda: adamx.schedule_free_sgd(0.1),
        adamx.schedule_free_eval_params,
    ),
    "inside": (
        lambda: adamx.inject_hyperparams(adamx.schedule_free_sgd)(0.1),
        adamx.schedule_free_eval_params,
    ),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_has_frozen_numbers_as_they_are(name):
    base, read = AVERAGES[name]
    params, state = train(base(), 50.0, 1.0)
    found = read(state, params)
    assert set(np.asarray(found["w"])[HELD].tolist()) == {50.0}
    assert np.all(np.asarray(found["w"] != params["w"])[~HELD])


def test_a_loss_sees_frozen_numbers_as_they_are():
    """L-BFGS evaluates the loss away from where it is given the gradient."""
    target = {"w": jnp.full((3, 2), 3.0), "b": jnp.ones(2)}

    def loss(p):
        away = p["w"] - target["w"]
        return jnp.sum(away**2) * jnp.sum(p["w"][0]) + jnp.sum((p["b"] - 1) ** 2)

    params = {"w": start(2.0)["w"], "b": start()["b"]}
    tx = adamx.chain(adamx.lbfgs(), adamx.freeze({"w": HELD, "b": False}))
    params, _ = run_with_loss(tx, loss, params, 8)
    w = np.asarray(params["w"])
    assert set(w[HELD].tolist()) == {2.0}
    np.testing.assert_allclose(w[~HELD], 3.0, atol=1e-3)


def test_masks_are_functions_and_several_freezes_add_up():
    rows = np.array([[1, 1], [0, 0], [0, 0]], bool)
    by_path = adamx.freeze(lambda path, leaf: HELD & ~rows if path == "w" else False)
    tx = adamx.chain(
        by_path, adamx.sgd(0.1), adamx.freeze({"w": rows, "b": True, "absent": True})
    )
    params = start()
    updates, state = tx.update(gradient(1.0, 0), tx.init(params), params)
    assert np.array_equal(np.asarray(updates["w"]) == 0, HELD)
    assert not np.any(updates["b"])
    assert sorted(state) == ["freeze", "freeze_1"]
    assert state["freeze_1"]["frozen"]["w"].tolist() == rows.tolist()


def test_the_state_is_a_fixed_point_and_nothing_is_shared_with_the_mask():
    mask = {"w": jnp.asarray(HELD), "b": False, "absent": None}
    tx = adamx.chain(adamx.sgd(0.1, momentum=0.9), adamx.freeze(mask))
    params = start()
    state = tx.init(params)
    assert jax.tree.map(jnp.shape, state["freeze"]) == {
        "frozen": {"w": (3, 2), "b": None, "absent": None}
    }
    abstract = jax.eval_shape(tx.init, params)
    step = jax.jit(lambda g, s: tx.update(g, s, params)[1], donate_argnums=1)
    for _ in range(2):
        state = step(gradient(1.0, 0), state)
        assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, abstract)
    assert mask["w"].tolist() == HELD.tolist()  # it was not donated


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (HELD[:2], ["['w']", "bool[2,2]", "[3, 2]"]),
        (HELD.astype(int), ["['w']", "int"]),
        (HELD[0], ["['w']", "bool[2]"]),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, words):
    tx = adamx.chain(adamx.sgd(0.1), adamx.freeze({**MASK, "w": mask}))
    with pytest.raises(adamx.TransformError) as error:
        tx.init(start())
    for word in (*words, "freeze"):
        assert word in str(error.value)
