"""Series, parallel, split: chain, fork, partition, masked, freeze; foreign pairs."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.core.freeze import no_update
from tests.strategies import add, matrices
from tests.trees import assert_same_bits, grads, params, run


def with_norm(bound):
    return adamx.clip_by_global_norm(bound)


TRIPLES = [
    (adamx.clip(0.5), adamx.adam(1e-1), adamx.scale(0.5)),
    (with_norm(0.1), adamx.adam(1e-1), with_norm(0.01)),
    (adamx.trace(0.9), with_norm(0.1), adamx.amsgrad(0.1)),
    (adamx.adamw(0.1), with_norm(0.1), adamx.adamw(0.2)),
    (adamx.scale(3.0), adamx.scale(1 / 3), adamx.scale_by_momentum(0.3)),
    (adamx.rmsprop(0.1, centered=True), adamx.identity(), adamx.sgd(0.1, 0.9)),
]


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("triple", TRIPLES, ids=str)
def test_chain_is_associative_to_the_bit(triple, low):
    a, b, c = triple
    start = params()
    if low:
        start = jax.tree.map(lambda p: p.astype(jnp.bfloat16), start)
    flat = run(adamx.chain(a, b, c), start)
    assert_same_bits(run(adamx.chain(a, adamx.chain(b, c)), start), flat)
    assert_same_bits(run(adamx.chain(adamx.chain(a, b), c), start), flat)
    nested = adamx.chain(adamx.chain(adamx.chain(a), adamx.chain()), b, adamx.chain(c))
    assert_same_bits(run(nested, start), flat)


@pytest.mark.parametrize("tx", [t for triple in TRIPLES[:3] for t in triple], ids=str)
def test_chain_and_fork_of_one_are_that_one(tx):
    start = params()
    alone = run(tx, start)
    assert_same_bits(run(adamx.chain(tx), start), alone)
    updates, state = run(adamx.fork(lambda only: only, only=tx), start)
    assert_same_bits(updates, alone[0])
    assert_same_bits(state.get("fork", {}).get("only", {}), alone[1])


def test_chain_of_none_is_the_identity():
    start = params()
    updates, state = adamx.chain().update(start, adamx.chain().init(start))
    assert_same_bits(updates, start)
    assert state == {}


def test_chain_equals_its_parts_one_after_the_other():
    start = params()
    parts = [with_norm(0.5), adamx.trace(0.9), adamx.scale(-0.1)]
    states = [tx.init(start) for tx in parts]
    whole = adamx.chain(*parts)
    state = whole.init(start)
    for seed in range(3):
        updates, state = whole.update(grads(start, seed), state, start)
        by_hand = grads(start, seed)
        for i, tx in enumerate(parts):
            by_hand, states[i] = tx.update(by_hand, states[i], start)
        # The whole is compiled together and multiplies once by a product of scalars:
        # a few roundings of terms of order 0.1 differ, where they cancel too.
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=3e-7, atol=1e-8),
            updates,
            by_hand,
        )


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([adamx.scale(2.0), adamx.clip(1.0)], 1.0),
        ([adamx.clip(0.5), adamx.scale(4.0), adamx.clip(1.5)], 1.5),
        ([adamx.scale(2.0), adamx.scale(3.0), adamx.clip(5.0)], 4.5),
    ],
)
def test_a_scale_acts_where_it_stands(pieces, expected):
    tx, g = adamx.chain(*pieces), jnp.array(0.75)
    assert float(tx.update(g, tx.init(g))[0]) == expected


def test_pieces_of_one_name_are_numbered():
    tx = adamx.chain(adamx.trace(0.5), adamx.trace(0.9), adamx.trace(0.1))
    assert sorted(tx.init(jnp.ones(2))) == ["trace", "trace_1", "trace_2"]
    a, b, c = (adamx.trace(decay) for decay in (0.5, 0.9, 0.1))
    for nested in (
        adamx.chain(a, adamx.chain(b, c)),
        adamx.chain(adamx.chain(a, b), c),
        adamx.chain(adamx.chain(a, b, c)),
    ):
        assert_same_bits(run(nested, params()), run(tx, params()))


def test_pieces_of_one_name_are_told_apart_in_a_branch():
    two = adamx.chain(adamx.trace(0.5), adamx.trace(0.9))
    updates, state = run(adamx.fork(lambda only: only, only=two), params())
    expected, inner = run(two, params())
    assert_same_bits(updates, expected)
    assert_same_bits(state["fork"]["only"], inner)
    with_freeze = adamx.chain(adamx.trace(0.5), adamx.freeze(False), adamx.trace(0.9))
    assert_same_bits(run(with_freeze, params()), (expected, inner))


def test_state_is_named_by_piece():
    state = adamx.chain(adamx.scale_by_momentum(0.9), adamx.scale(2.0)).init(params())
    assert list(state) == ["scale_by_momentum"]
    assert list(state["scale_by_momentum"]) == ["mu"]


def test_order_of_dict_keys_does_not_matter():
    start = params()
    other = dict(reversed(start.items()))
    tx = adamx.chain(with_norm(0.1), adamx.adam(0.1))
    assert_same_bits(run(tx, start), run(tx, other))


def test_fork_joins_branches_that_see_the_same_updates():
    tx = adamx.fork(
        lambda fast, slow: fast - slow,
        fast=adamx.scale_by_momentum(0.5),
        slow=adamx.scale_by_momentum(0.75),
    )
    updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    assert float(updates) == 1.0
    assert set(state["fork"]) == {"fast", "slow"}


def test_fork_of_what_is_no_rule_is_the_same_thing():
    """A branch that needs the whole tree, and a foreign one, change nothing else."""
    start = params()

    def forked(first):
        return adamx.chain(
            adamx.fork(
                lambda a, b: a + 2 * b,
                a=first,
                b=adamx.bias_correct(adamx.scale_by_momentum(0.9)),
            ),
            adamx.scale(-0.1),
        )

    plain, _ = run(forked(adamx.trace(0.5)), start)
    for first in (
        adamx.chain(with_norm(1e9), adamx.trace(0.5)),
        optax.trace(0.5),
    ):
        updates, _ = run(forked(first), start)
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=5e-7, atol=1e-9),
            updates,
            plain,
        )


def _away(updates, mean):
    return updates - mean


class Weighed(adamx.Rule):
    weight: adamx.Finite

    def __call__(self, mean, away):
        return mean + self.weight * away


def test_the_join_of_a_fork_follows_its_schedule():
    weight = adamx.Schedule(lambda count: 1.0 + count)
    tx = adamx.fork(Weighed(weight), mean=adamx.scale(2.0), away=adamx.identity())
    state = tx.init(jnp.float32(0))
    for t in range(3):
        updates, state = tx.update(jnp.float32(1), state)
        assert float(updates) == 2.0 + (1.0 + t)


def _either(**branches):
    return next(iter(branches.values()))


def _fed(join, between=adamx.identity()):  # noqa: B008
    """A mean that two branches are fed with, one of them by way of a rule."""
    weight = adamx.Schedule(lambda count: 1.0 + count)
    return adamx.fork(
        join,
        mean=adamx.chain(between, adamx.scale_by_momentum(0.5), adamx.scale(2.0)),
        away=adamx.with_input(_away),
        end=adamx.with_input(Weighed(weight), adamx.trace(0.5)),
    )


@pytest.mark.parametrize("between", [adamx.identity(), adamx.clip_by_global_norm(1e9)])
def test_a_branch_is_fed_with_the_branches_before_it(between):
    tx = _fed(_either, between)
    state, mean, end = tx.init(jnp.float32(0)), 0.0, 0.0
    for t, g in enumerate([4.0, -2.0, 1.0]):
        updates, state = tx.update(jnp.float32(g), state)
        mean = 0.5 * mean + 0.5 * g
        end = 0.5 * end + 2 * mean + (1.0 + t) * (g - 2 * mean)
        assert float(updates) == end


def test_only_ends_are_joined():
    seen = {}
    tx = _fed(lambda **branches: seen.update(branches) or branches["end"])
    tx.update(jnp.float32(1), tx.init(jnp.float32(0)))
    assert seen.keys() == {"end"}


def test_a_branch_cannot_be_fed_with_what_comes_after_it():
    with pytest.raises(adamx.TransformError, match=r"(?s)'away'.*updates.*mean"):
        adamx.fork(
            _either, away=adamx.with_input(_away), mean=adamx.scale_by_momentum(0.5)
        )


def test_adan_keeps_one_array_for_the_change():
    state = adamx.adan(0.1).init(jnp.zeros(1000))
    assert [x.size for x in jax.tree.leaves(state)].count(1000) == 4


def test_adam_with_a_clipped_numerator():
    """A tree-level piece in a branch of scale_by_second_moment, with scheduled ε."""
    tx = adamx.scale_by_second_moment(
        0.5,
        eps=lambda count: 1.0 + count,
        numerator=adamx.chain(with_norm(1.0), adamx.scale(2.0)),
    )
    state = tx.init(jnp.zeros(2))
    updates, state = tx.update(jnp.array([3.0, 4.0]), state)
    second = np.array([9.0, 16.0]) / 2
    expected = 2 * np.array([0.6, 0.8]) / (np.sqrt(second) + 1)
    np.testing.assert_allclose(updates, expected, rtol=1e-6)
    assert int(state["scale_by_second_moment"]["join"]["count"]) == 1


def test_clip_by_global_norm_neither_over_nor_underflows():
    for value in (1e20, 1e-30, 3e38):
        g = {"a": jnp.full(4, value), "b": jnp.zeros(2)}
        updates, _ = with_norm(1.0).update(g, {})
        size = value if value < 1 else 0.5
        np.testing.assert_allclose(updates["a"], size, rtol=3e-7)
    half = {"a": jnp.full(100_000, 10.0, jnp.float16)}
    updates, _ = with_norm(1.0).update(half, {})
    np.testing.assert_allclose(
        np.asarray(updates["a"], np.float64), 1e5**-0.5, rtol=2**-11
    )


def test_clip_by_global_norm_shows_nan():
    updates, _ = with_norm(1.0).update({"a": jnp.array([jnp.nan, 1.0])}, {})
    assert np.all(np.isnan(updates["a"]))


LABELS = {
    "tree": {"scalar": "x", "layer": {"w": "y", "b": "x"}, "empty": "x", "absent": "x"},
    "prefix": {"scalar": "x", "layer": "y", "empty": "x", "absent": "x"},
    "function of the tree": lambda p: jax.tree.map(
        lambda leaf: "y" if leaf.ndim == 2 else "x", p
    ),
    "function of path and leaf": lambda path, leaf: "y" if path == "layer/w" else "x",
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_partition_applies_each_to_its_own(labels):
    start = params()
    tx = adamx.partition({"x": adamx.sgd(0.1), "y": adamx.adam(0.1)}, labels)
    updates, state = run(tx, start)
    sgd, _ = run(adamx.sgd(0.1), start)
    adam, _ = run(adamx.adam(0.1), start)
    assert_same_bits(updates["scalar"], sgd["scalar"])
    assert_same_bits(updates["layer"]["w"], adam["layer"]["w"])
    nu = state["partition"]["y"]["scale_by_second_moment"]["moment"]["bias_correct"]
    assert nu["second_moment"]["nu"]["scalar"] is None


def test_partition_scopes_norms():
    start = {"a": jnp.full(4, 10.0), "b": jnp.full(4, 10.0)}
    tx = adamx.partition(
        {"clipped": with_norm(1.0), "rest": adamx.identity()},
        {"a": "clipped", "b": "rest"},
    )
    updates, _ = tx.update(start, tx.init(start))
    np.testing.assert_allclose(updates["a"], 0.5, rtol=1e-6)
    np.testing.assert_allclose(updates["b"], 10.0)


def test_partition_lists_the_leaves_of_unknown_labels():
    tx = adamx.partition({"x": adamx.sgd(0.1)}, lambda path, leaf: path)
    with pytest.raises(adamx.TransformError) as error:
        tx.init({"x": 1.0, "other": {"w": 1.0}})
    assert "['other']['w']: 'other/w'" in str(error.value)


def test_labels_of_another_structure_are_refused():
    tx = adamx.masked(adamx.sgd(0.1), {"v": True})
    with pytest.raises(adamx.TransformError, match="another structure"):
        tx.init({"w": 1.0})


def test_masked_passes_the_rest_on():
    start = {"w": jnp.ones(2), "b": jnp.ones(2), "n": jnp.arange(2)}
    tx = adamx.masked(adamx.scale(0.0), {"w": True, "b": False, "n": False})
    updates, _ = tx.update(start, tx.init(start), start)
    assert updates["w"].tolist() == [0.0, 0.0]
    assert updates["b"].tolist() == [1.0, 1.0]
    assert updates["n"].tolist() == [0, 1]


def test_decay_mask():
    start = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    tx = adamx.adamw(1.0, weight_decay=0.5, mask=lambda path, leaf: leaf.ndim > 1)
    zero = jax.tree.map(jnp.zeros_like, start)
    updates, _ = tx.update(zero, tx.init(start), start)
    assert updates["w"].tolist() == [[-0.5, -0.5], [-0.5, -0.5]]
    assert updates["b"].tolist() == [0.0, 0.0]


def test_cautious_decay_leaves_out_what_the_update_pulls_the_other_way():
    tx = adamx.add_decayed_weights(0.5, cautious=True)
    g, param = jnp.array([1.0, -1.0, 0.0]), jnp.full(3, 2.0)
    assert tx.update(g, tx.init(param), param)[0].tolist() == [2.0, -1.0, 1.0]


@pytest.mark.parametrize("where", [0, 1, 2, 3])
def test_freezing_is_freezing_wherever_it_is_said(where):
    start = {
        "frozen": jnp.full(3, 100.0),
        "moving": jnp.ones(2),
        "count": jnp.arange(2),
        "key": jax.random.key(0),
    }
    frozen = adamx.freeze(lambda path, leaf: path != "moving")
    pieces = [with_norm(1.0), adamx.add_decayed_weights(0.1), adamx.adam(0.1)]
    tx = adamx.chain(*pieces[:where], frozen, *pieces[where:])
    g = {**start, "moving": jnp.array([3.0, 4.0])}
    state = tx.init(start)
    updates, new = tx.update(g, state, start)
    after = adamx.apply_updates(start, updates)
    assert updates["frozen"].tolist() == [0.0, 0.0, 0.0]
    assert after["count"].tolist() == [0, 1]
    assert jax.random.key_data(after["key"]).tolist() == [0, 0]
    alone = adamx.chain(*pieces)
    expected, _ = alone.update(
        {"moving": g["moving"]},
        alone.init({"moving": start["moving"]}),
        {"moving": start["moving"]},
    )
    assert_same_bits(updates["moving"], expected["moving"])
    shapes = {leaf.shape for leaf in jax.tree.leaves(new)}
    assert shapes == {(2,), ()}  # the moments of "moving", and their weight sums


def test_each_of_two_freezes_holds_its_leaves():
    start = {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones(2)}
    a, b = (adamx.freeze({k: k == name for k in start}) for name in "ab")
    tx = adamx.chain(a, adamx.scale(-1.0), b)
    updates, _ = tx.update(start, tx.init(start), start)
    assert {k: u.tolist() for k, u in updates.items()} == {
        "a": [0, 0],
        "b": [0, 0],
        "c": [-1, -1],
    }


def test_a_frozen_leaf_has_an_update_of_its_own_dtype():
    start = {"n": jnp.arange(3), "half": jnp.ones(3, jnp.bfloat16)}
    none = np.zeros(3, jax.dtypes.float0)  # the gradient of integers
    tx = adamx.freeze()
    updates, _ = tx.update({"n": none, "half": start["half"]}, tx.init(start), start)
    assert updates["n"].dtype == start["n"].dtype
    assert updates["half"].dtype == jnp.bfloat16
    zero = no_update(start["n"])
    assert (zero.dtype, zero.tolist()) == (start["n"].dtype, [0, 0, 0])


FOREIGN = {
    "optax": optax.adam(0.1),
    "pair of functions": tuple(optax.adam(0.1)),
    "any object": type(
        "Own",
        (),
        {
            "init": staticmethod(optax.adam(0.1).init),
            "update": staticmethod(optax.adam(0.1).update),
        },
    )(),
}


@pytest.mark.parametrize("tx", FOREIGN.values(), ids=FOREIGN)
def test_foreign_pairs_work_in_a_chain(tx):
    start = params()
    updates, state = run(adamx.chain(with_norm(0.5), tx, adamx.scale(2.0)), start)
    expected, _ = run(
        optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1), optax.scale(2.0)),
        start,
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5), updates, expected
    )
    assert len(state) == 1


def test_foreign_pairs_work_in_a_partition():
    start = {"w": jnp.ones(3), "b": jnp.ones(2)}
    tx = adamx.partition(
        {"o": optax.sgd(0.5), "a": adamx.sgd(0.25)}, {"w": "o", "b": "a"}
    )
    updates, _ = run(tx, start, 1)
    expected = grads(start)
    np.testing.assert_allclose(updates["w"], -0.5 * expected["w"], rtol=1e-6)
    np.testing.assert_allclose(updates["b"], -0.25 * expected["b"], rtol=1e-6)


def test_foreign_pairs_get_their_extra_arguments_and_no_others():
    seen = {}

    def update(updates, state, params=None, *, value):
        seen["value"] = value
        return updates, state

    plain = optax.scale(1.0)  # whose update takes no extra arguments
    polyak = optax.polyak_sgd()
    own = adamx.Transform(lambda params: (), update)
    tx = adamx.chain(plain, own, polyak, adamx.clip(1.0))
    start = jnp.ones(3)
    updates, _ = tx.update(start, tx.init(start), start, value=0.5, other="x")
    assert seen == {"value": 0.5}
    expected, _ = polyak.update(start, polyak.init(start), start, value=0.5)
    np.testing.assert_allclose(updates, np.asarray(expected), rtol=1e-6)


def test_ours_work_inside_optax():
    start = params()
    tx = optax.chain(optax.clip(1.0), adamx.adam(0.1))  # pyright: ignore
    updates, _ = run(tx, start)
    expected, _ = run(adamx.chain(adamx.clip(1.0), adamx.adam(0.1)), start)
    assert_same_bits(updates, expected)


def without_one(state):
    """Every state that there is with one dict in it emptied."""
    yield {}
    for name, part in state.items():
        if isinstance(part, dict):
            yield from ({**state, name: less} for less in without_one(part))


@pytest.mark.parametrize(
    "tx",
    [
        adamx.apply_if_finite(adamx.trace(0.9), 2),
        adamx.conditionally_mask(adamx.trace(0.9), lambda step, **_: step > 1),
        adamx.fork(
            add, a=adamx.trace(0.9), b=adamx.bias_correct(adamx.second_moment())
        ),
        adamx.lookahead(adamx.trace(0.9), 2, 0.5),
        adamx.MultiSteps(adamx.adam(0.1), 2),
        adamx.partition({True: adamx.adam(0.1), False: adamx.trace(0.9)}, matrices),
        adamx.sam(adamx.sgd(0.1), adamx.sgd(0.1)),
        adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=1),
    ],
    ids=repr,
)
def test_a_state_that_lacks_something_is_refused(tx):
    start = {"w": jnp.ones((2, 3))}
    for state in without_one(tx.init(start)):
        with pytest.raises(adamx.TransformError) as error:
            jax.eval_shape(tx.update, start, state, start)
        assert re.search("state|slot", str(error.value))


def test_foreign_pair_rejects_a_wrong_state():
    tx = adamx.chain(optax.adam(0.1))
    with pytest.raises(adamx.TransformError, match="does not fit this transform"):
        tx.update(jnp.ones(2), {}, jnp.ones(2))
