"""Our transforms inside Optax's wrappers, and where Optax's class is asked for."""

import copy
import dataclasses
import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from tests.process import python

PARAMS = {"w": jnp.ones(3)}

AROUND = {
    "with_extra_args_support": optax.with_extra_args_support,
    "chain": lambda tx: optax.chain(tx, optax.identity()),
    "named_chain": lambda tx: optax.named_chain(("ours", tx)),
    "masked": lambda tx: optax.masked(tx, {"w": True}),
    "MultiSteps": lambda tx: optax.MultiSteps(tx, 1),
    "multi_transform": lambda tx: optax.multi_transform({"a": tx}, {"w": "a"}),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
    "conditionally_transform": lambda tx: optax.conditionally_transform(
        tx, lambda step, **extra: True
    ),
    "conditionally_mask": lambda tx: optax.conditionally_mask(
        tx, lambda step, **extra: True
    ),
}
AS = {
    "itself": lambda tx: tx,
    "a pair of Optax's": lambda tx: optax.GradientTransformationExtraArgs(*tx),
}


@pytest.mark.parametrize("kind", AS)
@pytest.mark.parametrize("wrapper", AROUND)
def test_extra_arguments_come_through(wrapper, kind):
    tx = AROUND[wrapper](AS[kind](adamx.polyak_sgd()))
    updates, _ = tx.update(PARAMS, tx.init(PARAMS), PARAMS, value=jnp.float32(2.0))
    # value / ‖g‖² times the gradient
    np.testing.assert_allclose(updates["w"], -2 / 3, rtol=1e-6)


def test_a_transform_is_an_instance_of_what_optax_asks_for():
    tx = adamx.adam(1e-3)
    assert isinstance(tx, optax.GradientTransformation)
    assert isinstance(tx, optax.GradientTransformationExtraArgs)
    assert isinstance(tx, adamx.Transform)
    assert type(tx) is adamx.Transform
    assert not isinstance(optax.adam(1e-3), adamx.Transform)
    assert tx.__class__ is adamx.sgd(0.1).__class__


def test_without_optax_nothing_imports_it():
    code = (
        "import sys, adamx\n"
        "tx = adamx.adam(1e-3)\n"
        "assert isinstance(tx, adamx.Transform) and tx.__class__ is adamx.Transform\n"
        "assert 'optax' not in sys.modules"
    )
    python("-c", code)


def test_what_looks_at_the_class_goes_on_working():
    tx = adamx.adam(1e-3)
    assert pickle.loads(pickle.dumps(tx)) == copy.copy(tx) == copy.deepcopy(tx) == tx
    assert hash(copy.deepcopy(tx)) == hash(tx)
    # A transform in an argument is compared as itself, and not as a tuple of two.
    assert adamx.MultiSteps(tx, 2) == adamx.MultiSteps(adamx.adam(1e-3), 2)
    assert jax.tree.leaves(tx) == [tx]
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def step(tx, params):
        traces.append(tx)
        return tx.update(params, tx.init(params), params)[0]

    step(tx, PARAMS)
    step(adamx.adam(1e-3), PARAMS)
    assert len(traces) == 1


def test_dispatch_and_dataclasses_know_a_transform():
    @functools.singledispatch
    def kind(x):
        return "neither"

    kind.register(optax.GradientTransformation)(lambda x: "Optax's")
    assert kind(adamx.adam(1e-3)) == "Optax's"
    kind.register(adamx.Transform)(lambda x: "ours")
    assert kind(adamx.adam(1e-3)) == "ours"
    assert kind(optax.adam(1e-3)) == "Optax's"

    @dataclasses.dataclass
    class Config:
        tx: object = adamx.adam(1e-3)

    assert dataclasses.asdict(Config()) == {"tx": adamx.adam(1e-3)}
    assert dataclasses.replace(Config()) == Config()


def test_a_transform_has_the_methods_of_a_named_tuple():
    tx = adamx.sgd(1.0)
    init, update = tx
    assert (tx[0], tx[1], len(tx)) == (init, update, 2)
    assert tx._asdict() == {"init": init, "update": update}
    assert adamx.Transform(*tx) == tx
    assert adamx.Transform(**tx._asdict()) == tx
    doubled = tx._replace(
        update=lambda g, state, params=None, **extra: (
            jax.tree.map(lambda g: 2 * g, g),
            state,
        )
    )
    updates, _ = doubled.update(PARAMS, doubled.init(PARAMS), PARAMS)
    assert updates["w"].tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("state", [None, (), optax.EmptyState(), {}], ids=repr)
def test_a_transform_without_state_takes_what_stands_for_none(state):
    tx = adamx.clip_by_global_norm(1.0)
    updates, after = tx.update(PARAMS, state)
    np.testing.assert_allclose(updates["w"], 3**-0.5, rtol=1e-6)
    assert after is state or after == state == {}
    assert type(after) is type(state)


@pytest.mark.parametrize("state", [None, (), optax.EmptyState()], ids=repr)
def test_a_transform_with_state_refuses_what_stands_for_none(state):
    with pytest.raises(adamx.TransformError) as error:
        adamx.adam(1e-3).update(PARAMS, state)
    assert "the dict that init returned" in str(error.value)
    assert type(state).__name__ in str(error.value)
    # The error is that of the argument where it is an argument that is wrong.
    with pytest.raises(adamx.TransformError, match="int32"):
        adamx.clip(1.0).update({"n": jnp.arange(3)}, state)


def test_the_state_that_was_given_is_carried_by_a_scan():
    tx = adamx.clip(1.0)

    def step(state, g):
        updates, state = tx.update(g, state)
        return state, updates

    state, _ = jax.lax.scan(step, optax.EmptyState(), jnp.ones((2, 3)))
    assert state == optax.EmptyState()


FOREIGN = {
    "an update that fails": lambda: adamx.chain(
        optax.clip_by_global_norm(1.0), adamx.set_to_zero()
    ),
    "an update of floats": lambda: adamx.chain(optax.sgd(0.1)),
    "ours behind": lambda: adamx.chain(optax.adam(1e-3), adamx.scale(1.0)),
    "ours before": lambda: adamx.chain(adamx.clip(1.0), optax.adam(1e-3)),
}
ZEROS = np.zeros(3, jax.dtypes.float0)


@pytest.mark.parametrize("gradient", [jnp.arange(3), ZEROS], ids=["int", "float0"])
@pytest.mark.parametrize("name", FOREIGN)
def test_integers_in_a_chain_with_foreign_pieces_are_named(name, gradient):
    tx = FOREIGN[name]()
    params = {"layer": {"n": jnp.arange(3)}, **PARAMS}
    grads = {"layer": {"n": gradient}, **PARAMS}
    with pytest.raises(adamx.TransformError) as error:
        tx.update(grads, tx.init(params), params)
    for word in ("['layer']['n']", "int32", "adamx.freeze"):
        assert word in str(error.value)


def test_an_error_of_a_foreign_piece_over_floats_stays_what_it_is():
    def update(g, state, params=None):
        raise RuntimeError("mine")

    tx = adamx.chain(adamx.Transform(lambda params: (), update))
    with pytest.raises(RuntimeError, match="mine"):
        tx.update(PARAMS, tx.init(PARAMS))


def test_integers_that_a_mask_of_optax_leaves_alone_pass():
    tx = adamx.chain(optax.masked(optax.adam(0.1), {"w": True, "n": False}))
    params = {**PARAMS, "n": jnp.arange(3)}
    updates, _ = tx.update({**params, "n": ZEROS}, tx.init(params), params)
    assert updates["n"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "tx",
    [
        adamx.trace(1.0),
        adamx.sgd(1.0, momentum=1.0),
        adamx.lars(1.0, momentum=1.0, trust_coefficient=1.0, eps=0.0),
        adamx.rmsprop(1.0, momentum=1.0),
        adamx.dpsgd(1.0, 1.0, 0.0, 0, momentum=1.0),
        adamx.chain(adamx.scale_by_shampoo(), adamx.trace(1.0)),
    ],
    ids=lambda tx: repr(tx).partition("(")[0],
)
def test_a_heavy_ball_may_keep_everything(tx):
    assert "1.0" in repr(tx)


def test_a_trace_of_one_is_a_sum_as_optax_has_it():
    ours, theirs = adamx.trace(1.0), optax.trace(1.0)
    mine, state = ours.init(PARAMS), theirs.init(PARAMS)
    for factor in (1.0, -3.0, 0.5):
        g = jax.tree.map(lambda p, f=factor: f * p, PARAMS)
        a, mine = ours.update(g, mine)
        b: Any
        b, state = theirs.update(g, state)
        np.testing.assert_array_equal(a["w"], b["w"])
    assert a["w"].tolist() == [-1.5, -1.5, -1.5]
    with pytest.raises(adamx.TransformError, match=r"decay must be in \[0, 1\]"):
        adamx.trace(1.001)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_of_optax_keeps_its_dtypes_behind_pieces_of_adamx(wrapped):
    tx = adamx.chain(adamx.clip_by_global_norm(1.0), optax.adam(0.1))
    tx = adamx.MultiSteps(tx, 2) if wrapped else tx
    params = jnp.ones(3, jnp.bfloat16)
    first = tx.init(params)
    updates, state = jax.jit(tx.update)(params, first, params)
    assert updates.dtype == jnp.bfloat16
    dtypes = [[x.dtype for x in jax.tree.leaves(tree)] for tree in (first, state)]
    assert dtypes[0] == dtypes[1]
