"""Wrappers and averages: what they keep, and that they work around anything."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from tests.tiers import full
from tests.trees import grads, params, run, run_with_loss

BASES = {
    "sgd": adamx.sgd(0.1, 0.9),
    "adam": adamx.adam(0.1),
    "lion": adamx.lion(0.1),
    "lamb": adamx.lamb(0.1),
    "adafactor": adamx.adafactor(0.1),
    "dog": adamx.dog(),
}
WRAPPERS = {
    "cautious": adamx.cautious,
    "lookahead": lambda tx: adamx.lookahead(tx, 2, 0.5),
    "schedule_free": lambda tx: adamx.schedule_free(tx, 0.1),
    "MultiSteps": lambda tx: adamx.MultiSteps(tx, 2),
    "average_params": lambda tx: adamx.chain(tx, adamx.average_params(0.9)),
    "centralize": lambda tx: adamx.chain(adamx.centralize(), tx),
    "grokfast": lambda tx: adamx.chain(adamx.grokfast(), tx),
    "flatten": adamx.flatten,
}


@pytest.mark.parametrize(
    ("wrapper", "base"),
    [  # Two optimizers meet every wrapper, and every optimizer two wrappers.
        (w, b)
        if b in ("adam", "lamb") or w in ("MultiSteps", "cautious")
        else full(w, b)
        for w in WRAPPERS
        for b in BASES
    ],
)
def test_a_wrapper_works_around_any_optimizer(wrapper, base):
    tx = WRAPPERS[wrapper](BASES[base])
    updates, state = run(tx, params())
    assert all(bool(jnp.isfinite(u).all()) for u in jax.tree.leaves(updates))
    again, _ = tx.update(grads(params(), 9), state, params())
    assert jax.tree.structure(again) == jax.tree.structure(params())


def test_wrappers_nest():
    tx = adamx.adam(0.1)
    for wrapper in WRAPPERS.values():
        tx = wrapper(tx)
    updates, _ = run(tx, params())
    assert all(bool(jnp.isfinite(u).all()) for u in jax.tree.leaves(updates))


def test_lookahead_meets_each_k_steps_for_ever():
    """A count of all steps would stand still at the end of int32, not at a multiple."""
    tx = adamx.lookahead(adamx.sgd(1.0), 3, 0.5)
    at, state, seen = jnp.float32(0), tx.init(jnp.float32(0)), []
    for _ in range(7):
        updates, state = tx.update(jnp.float32(-1), state, at)
        at = adamx.apply_updates(at, updates)
        seen.append((float(at), int(state["lookahead"]["steps_since_sync"])))
    expected = [(1, 1), (2, 2), (1.5, 3), (2.5, 1), (3.5, 2), (3, 3), (4, 1)]
    assert seen == expected


def test_schedule_free_evaluates_where_its_authors_do():
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("schedulefree")
    rng = np.random.default_rng(0)
    start, steps = rng.normal(size=5), rng.normal(size=(20, 5))
    theirs = torch.tensor(start, requires_grad=True)
    optimizer = library.AdamWScheduleFree([theirs], lr=0.1, foreach=False)
    optimizer.train()
    tx = adamx.schedule_free_adamw(0.1)
    with jax.enable_x64(True):
        ours = jnp.asarray(start)
        state = tx.init(ours)
        for g in steps:
            theirs.grad = torch.tensor(g)
            optimizer.step()
            updates, state = tx.update(jnp.asarray(g), state, ours)
            ours = adamx.apply_updates(ours, updates)
        optimizer.eval()
        mine = adamx.schedule_free_eval_params(state, ours)
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-12)


def test_frozen_leaves_are_read_out_as_they_are():
    start = {"moving": jnp.ones(2), "frozen": jnp.ones(2)}
    tx = adamx.chain(
        adamx.freeze(lambda path, leaf: path == "frozen"),
        adamx.schedule_free_sgd(0.1),
    )
    updates, state = tx.update(start, tx.init(start), start)
    after = adamx.apply_updates(start, updates)
    read = adamx.schedule_free_eval_params(state, after)
    assert read["frozen"].tolist() == [1.0, 1.0]
    assert read["moving"].tolist() != [1.0, 1.0]


def test_a_state_without_the_piece_is_refused():
    start = jnp.ones(2)
    with pytest.raises(adamx.TransformError, match=r"(?s)average_params.*scale"):
        adamx.averaged_params(adamx.adam(0.1).init(start), start)


@pytest.mark.parametrize("base", ["sgd", "adam", "lion"])
def test_flatten_changes_nothing_that_is_done_number_by_number(base):
    alone, _ = run(BASES[base], params())
    together, state = run(adamx.flatten(BASES[base]), params())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6), alone, together)
    sizes = {x.size for x in jax.tree.leaves(state)}
    assert {x for x in sizes if x > 2} == {sum(p.size for p in jax.tree.leaves(alone))}


def test_flatten_hands_on_a_loss_as_one_of_a_vector():
    """And trees of arguments; a leaf that is frozen is no part of the vector."""
    held = adamx.freeze(lambda path, leaf: path == "layer/b")
    start = params()

    def loss(p):
        return sum(jnp.sum((x - 1) ** 2) for x in jax.tree.leaves(p))

    tx = adamx.chain(held, adamx.flatten(adamx.lbfgs()))
    start, _ = run_with_loss(tx, loss, start, 5)
    np.testing.assert_allclose(start["layer"]["w"], 1.0, atol=1e-5)
    assert start["layer"]["b"].tolist() == [0, 0, 0]
