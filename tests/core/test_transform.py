"""The pair, its memory of the call, and its errors."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.schedules import inverse_time_decay_schedule
from adamx.testing.public import public_names
from adamx.transforms.scaling.scale import Scale
from tests.trees import assert_same_bits, grads, params, run


def test_unpacks_into_the_pair():
    tx = adamx.adam(1e-3)
    init, update = tx
    state = init(params())
    assert_same_bits(
        update(params(), state, params()), tx.update(params(), state, params())
    )


@pytest.mark.parametrize(
    ("tx", "shown"),
    [
        (adamx.adam(1e-3), "adam(0.001)"),
        (adamx.adam(1e-3, b1=0.9), "adam(0.001)"),
        (adamx.adam(1e-3, 0.8, eps_hat=True), "adam(0.001, b1=0.8, eps_hat=True)"),
        (adamx.sgd(0.1, momentum=0.9), "sgd(0.1, momentum=0.9)"),
        (
            adamx.chain(adamx.clip(1), adamx.sgd(jnp.float32(0.5))),
            "chain(clip(1.0), sgd(0.5))",
        ),
        (
            adamx.adam(inverse_time_decay_schedule(0.1, 0.5)),
            "adam(inverse_time_decay_schedule(0.1, 0.5))",
        ),
        (adamx.fork(max, a=adamx.identity()), "fork(max, a=identity())"),
    ],
)
def test_repr_is_the_call(tx, shown):
    assert repr(tx) == shown


def test_repr_can_be_read_back():
    tx = adamx.chain(adamx.clip_by_global_norm(1.0), adamx.adamw(1e-3, b2=0.99))
    assert eval(repr(tx), public_names()) == tx


def test_equal_by_the_call():
    assert adamx.adam(1e-3) == adamx.adam(1e-3, 0.9, b2=0.999)
    assert hash(adamx.adam(1e-3)) == hash(adamx.adam(np.float64(1e-3)))
    assert adamx.adam(1e-3) != adamx.adam(1e-4)
    assert adamx.adam(1e-3) != adamx.adamw(1e-3, weight_decay=0.0)
    assert adamx.adam(jnp.float32(0.1)) == adamx.adam(jnp.float32(0.1))
    assert adamx.adam(jnp.float32(0.1)) != adamx.adam(jnp.float32(0.2))
    decay = inverse_time_decay_schedule
    assert adamx.sgd(decay(0.1, 0.5)) == adamx.sgd(decay(0.1, 0.5))
    assert adamx.sgd(lambda count: 0.1) != adamx.sgd(lambda count: 0.1)
    rule = Scale
    assert adamx.lift(rule(jnp.float32(0.1))) == adamx.lift(rule(jnp.float32(0.1)))
    assert adamx.lift(rule(jnp.float32(0.1))) != adamx.lift(rule(jnp.float32(0.2)))
    mask = {"w": True, "b": False}
    assert adamx.adamw(0.1, mask=mask) == adamx.adamw(0.1, mask=dict(mask))


def passed_on(updates, state, params=None):
    """An update of somebody else's, of a module, so that it can be pickled."""
    return updates, state


def test_pickles_and_copies_by_the_call():
    rate = inverse_time_decay_schedule(0.1, 0.5)
    tx = adamx.chain(adamx.clip(1.0), adamx.adam(rate, eps_hat=True))
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert copy.deepcopy(tx) == tx
    assert pickle.loads(pickle.dumps(adamx.Transform(*tx))) == tx
    again = pickle.loads(pickle.dumps(adamx.Transform(tx.init, passed_on)))
    assert_same_bits(again.init(params())["passed_on"], tx.init(params()))


def test_static_argument_compiles_once():
    traces = 0

    def step(tx, updates, state):
        nonlocal traces
        traces += 1
        return tx.update(updates, state)

    jitted = jax.jit(step, static_argnums=0)
    start = params()
    for _ in range(3):
        jitted(adamx.adam(1e-3), start, adamx.adam(1e-3).init(start))
    assert traces == 1
    jitted(adamx.adam(1e-2), start, adamx.adam(1e-2).init(start))
    assert traces == 2


def test_eager_update_is_compiled_once_for_equal_transforms():
    traces = 0

    class Count(adamx.Rule):
        number: float

        def step(self, g, slots, shared, param):
            nonlocal traces
            traces += 1
            return g * self.number, slots

    for _ in range(3):
        tx = adamx.lift(Count(2.0))
        tx.update(jnp.ones(3), tx.init(jnp.ones(3)))
    assert traces == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: adamx.adam(1e-3, b1=1.5), ["adam: b1", "[0, 1)", "1.5"]),
        (lambda: adamx.adam(1e-3, b1=1.0), ["adam: b1", "[0, 1)", "1.0"]),
        (lambda: adamx.adam(1e-3, eps=-1.0), ["adam: eps", "[0, inf)", "-1.0"]),
        (lambda: adamx.adam(float("nan")), ["adam: learning_rate", "nan"]),
        (
            lambda: adamx.adam("0.1x"),  # pyright: ignore
            ["adam: learning_rate", "number", "0.1x"],
        ),
        (lambda: adamx.adam(True), ["adam: learning_rate", "True"]),
        (lambda: adamx.sgd(jnp.ones(3)), ["sgd: learning_rate", "shape (3,)"]),
        (
            lambda: adamx.chain(adamx.adam),
            ["must be a transform", "call it: adam(learning_rate)"],
        ),
        (lambda: adamx.chain(1), ["must be a transform", "1"]),
        (lambda: adamx.Transform(1, 2), ["init must be a function"]),  # pyright: ignore
        (
            lambda: adamx.bias_correct(adamx.add_decayed_weights(0.1)),
            ["bias_correct", "parameters"],
        ),
        (
            lambda: adamx.bias_correct(adamx.clip_by_global_norm(1.0)),
            ["bias_correct", "element"],
        ),
    ],
)
def test_bad_arguments_fail_at_the_call(call, words):
    with pytest.raises(adamx.TransformError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def wrong(updates=None, state=None, start=None):
    """An update of adamw in which one thing does not fit the others."""

    def call():
        tx = adamx.adamw(1e-3)
        like = {"w": jnp.ones((3, 1)), "b": jnp.ones(3)} if start is None else start
        kept = tx.init(like) if state is None else state
        return tx.update(like if updates is None else updates, kept, like)

    return call


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            wrong(updates={"w": jnp.ones((3, 4)), "b": jnp.ones(3)}),
            ["['w']", "float32[3,1]", "float32[3,4]", "scale_by_second_moment"],
        ),
        (wrong(updates={"w": jnp.ones((3, 1))}), ["params", "['b']"]),
        (
            wrong(state=adamx.sgd(0.1, momentum=0.9).init({"w": 1.0, "b": 1.0})),
            ["state", "scale_by_second_moment", "trace"],
        ),
        (
            wrong(state=adamx.adam(0.1).init({"w": jnp.ones(2), "b": jnp.ones(3)})),
            ["['w']", "'nu'", "second_moment", "float32[3,1]", "float32[2]"],
        ),
        (wrong(state=()), ["state", "tuple", "adamw(0.001)"]),
        (wrong(start={"n": jnp.arange(3)}), ["['n']", "int32", "freeze"]),
        (wrong(start={"n": jnp.array([True])}), ["['n']", "bool"]),
        (wrong(start={"key": jax.random.key(0)}), ["['key']", "key"]),
        (wrong(start={"name": "adam"}), ["['name']", "'adam'"]),
        (
            wrong(start={"w": jnp.ones(3)}, updates={"w": jnp.ones(3, jnp.complex64)}),
            ["['w']", "float32[3]", "complex64[3]"],
        ),
        (
            lambda: adamx.adamw(0.1).update(
                jnp.ones(3), adamx.adamw(0.1).init(jnp.ones(3))
            ),
            ["add_decayed_weights", "params=None"],
        ),
        (
            lambda: adamx.apply_updates({"w": jnp.ones(3)}, {"w": jnp.ones(2)}),
            ["['w']", "float32[3]", "float32[2]"],
        ),
        (
            lambda: adamx.apply_updates({"w": jnp.ones(3)}, {"v": jnp.ones(3)}),
            ["['w']"],
        ),
    ],
)
@pytest.mark.parametrize("jit", [False, True])
def test_misfits_fail_with_path_and_piece(call, words, jit):
    with pytest.raises(adamx.TransformError) as error:
        (jax.jit(call) if jit else call)()
    for word in words:
        assert word in str(error.value)


def test_a_missing_leaf_is_what_was_got_and_one_too_many_is_not():
    two, one = {"w": jnp.ones(2), "b": jnp.ones(2)}, {"w": jnp.ones(2)}
    tx = adamx.scale(1.0)
    with pytest.raises(adamx.TransformError, match=r"got: +nothing"):
        tx.update(one, tx.init(two), two)
    with pytest.raises(adamx.TransformError, match=r"expected: +nothing"):
        tx.update(two, tx.init(one), one)


def test_a_slot_of_another_dtype_is_refused():
    tx, param = adamx.trace(0.9), jnp.ones(3)
    state = {"trace": {"trace": jnp.ones(3, jnp.bfloat16)}}
    words = r"(?s)'trace'.*float32\[3\].*bfloat16\[3\]"
    with pytest.raises(adamx.TransformError, match=words):
        tx.update(param, state, param)


def test_missing_extra_argument_names_piece_and_argument():
    class Polyak(adamx.Rule):
        needs = ("value",)

        def shared(self):
            return {"value": jnp.float32(0)}

        def advance(self, shared, *, value):
            return {"value": jnp.float32(value)}

        def step(self, g, slots, shared, param):
            return g * shared["value"], slots

    tx = adamx.chain(adamx.clip(1.0), adamx.lift(Polyak(), "polyak"))
    state = tx.init(jnp.ones(2))
    with pytest.raises(adamx.TransformError, match=r"(?s)'value'.*polyak"):
        tx.update(jnp.ones(2), state)
    updates, state = tx.update(jnp.ones(2), state, value=3.0, unread="anything")
    assert updates.tolist() == [3.0, 3.0]
    assert float(state["polyak"]["value"]) == 3.0


def test_a_failed_update_leaves_the_old_state_usable():
    tx, start = adamx.adam(1e-3), params()
    state = tx.init(start)
    with pytest.raises(adamx.TransformError):
        tx.update({"w": jnp.ones(3)}, state, start)
    tx.update(grads(start), state, start)


def test_low_precision_keeps_wide_state_and_leaves_in_the_dtype_of_params():
    start = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params())
    updates, state = run(adamx.adamw(1e-3), start)
    assert {u.dtype for u in jax.tree.leaves(updates)} == {jnp.dtype("bfloat16")}
    assert {s.dtype for s in jax.tree.leaves(state)} == {jnp.dtype("float32")}
    wide = jax.tree.map(lambda p: p.astype(jnp.float32), start)
    half = jax.tree.map(lambda g: g.astype(jnp.bfloat16), grads(wide))
    tx = adamx.adamw(1e-3)
    low, _ = tx.update(half, tx.init(start), start)
    high, _ = tx.update(half, tx.init(wide), wide)
    # Rounded once, at the boundary: what float32 parameters get, rounded.
    assert_same_bits(low, jax.tree.map(lambda u: u.astype(jnp.bfloat16), high))


def test_second_moment_of_constant_bfloat16_gradients():
    start = {"w": jnp.ones(4, jnp.bfloat16)}
    tx = adamx.scale_by_second_moment(0.999)

    def step(state, _):
        return tx.update(start, state, start)[1], None

    state, _ = jax.lax.scan(step, tx.init(start), length=3000)
    nu = state["scale_by_second_moment"]["moment"]["second_moment"]["nu"]["w"]
    np.testing.assert_allclose(nu, 1 - 0.999**3000, atol=1e-5)


def test_the_square_of_a_bfloat16_gradient_has_the_digits_of_float32():
    g = jnp.bfloat16(1 + 2.0**-7)
    tx = adamx.second_moment(0.0)
    with jax.disable_jit():  # where XLA may not keep more precision than it was told
        _, state = tx.update(g, tx.init(g), g)
    assert float(adamx.find(state, "nu")) == (1 + 2.0**-7) ** 2


@pytest.mark.parametrize("grad", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("param", ["float16", "bfloat16", "float32", "float64"])
def test_state_is_a_fixed_point(param, grad, x64):
    start = {"w": jnp.ones((2, 3), param), "s": 1.0}
    tx = adamx.adamw(lambda count: 0.1 / (1 + count))
    state = tx.init(start)
    updates = {"w": jnp.ones((2, 3), grad), "s": jnp.ones((), grad)}
    out, new = jax.eval_shape(tx.update, updates, state, start)
    before, after = jax.eval_shape(lambda s: s, state), new
    assert jax.tree.structure(before) == jax.tree.structure(after)
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type)
    assert out["w"].dtype == param


def test_gradients_too_large_to_square_make_steps_of_the_usual_size():
    tx, g = adamx.adam(0.1), jnp.array([1e30, -1e20, 3.0])
    updates, _ = tx.update(g, tx.init(g))
    np.testing.assert_allclose(updates, [-0.1, 0.1, -0.1], rtol=1e-5)


def test_shared_scalars_keep_the_dtype_they_began_with():
    class Halve(adamx.Rule):
        def shared(self):
            return {"size": jnp.float32(1), "number": jnp.int32(0)}

        def advance(self, shared):
            return {"size": jnp.bfloat16(0.5), "number": shared["number"] + 0.0}

        def step(self, g, slots, shared, param):
            return g * shared["size"], slots

    tx = adamx.lift(Halve(), "halve")
    state = tx.init(jnp.ones(2))
    _, new = tx.update(jnp.ones(2), state)
    kept = new["halve"]
    assert {name: str(x.dtype) for name, x in kept.items()} == {
        "size": "float32",
        "number": "int32",
    }


def test_complex_parameters_have_a_real_second_moment():
    start = {"z": jnp.array([1 + 1j, 2.0])}
    updates, state = run(adamx.adam(1e-3), start)
    moments = state["scale_by_second_moment"]
    assert moments["moment"]["bias_correct"]["second_moment"]["nu"]["z"].dtype == (
        jnp.float32
    )
    assert updates["z"].dtype == jnp.complex64


def test_frozen_hyperparameters_are_not_rounded_to_half():
    tx = adamx.adam(jnp.float32(1e-3), b2=jnp.float32(0.999))
    start = {"w": jnp.ones(3, jnp.bfloat16)}
    _, state = tx.update(start, tx.init(start), start)
    nu = state["scale_by_second_moment"]["moment"]["bias_correct"]["second_moment"]
    # 1 − float32(0.999), not the 0 that bfloat16 would make of it.
    np.testing.assert_allclose(nu["nu"]["w"], 1e-3, rtol=2e-5)


def test_updates_are_added_in_float32_and_rounded_once():
    # 256 + 1.003 = 257.003, nearest to 258; 1.003 rounded first would make it 256.
    param = jnp.array(256.0, jnp.bfloat16)
    assert float(adamx.apply_updates(param, jnp.float32(1.003))) == 258.0
    with jax.disable_jit():  # where XLA may not keep more precision than it was told
        assert float(adamx.apply_updates(param, jnp.float32(1.003))) == 258.0


def test_python_floats_are_parameters():
    tx = adamx.sgd(0.1)
    updates, _ = tx.update(10.0, tx.init(5.0), 5.0)
    assert float(adamx.apply_updates(5.0, updates)) == 4.0


def test_zero_denominator_is_zero_not_nan():
    tx = adamx.adam(0.1, eps=0.0)
    updates, _ = tx.update(jnp.zeros(3), tx.init(jnp.zeros(3)))
    assert updates.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("make", [adamx.adam, adamx.amsgrad, adamx.rmsprop])
def test_derivative_through_a_step_is_finite_at_zero_gradients(make):
    def loss(g):
        tx = make(0.1)
        updates, state = tx.update(g, tx.init(g))
        updates, _ = tx.update(g, state)
        return jnp.sum(updates**2) + jnp.sum(updates)

    slope = jax.grad(loss)(jnp.array([0.0, 1.0]))
    assert np.all(np.isfinite(slope))


def test_schedule_sees_the_steps_before_and_state_has_the_value_in_use():
    tx = adamx.sgd(inverse_time_decay_schedule(1.0, 1.0))
    state = tx.init(jnp.ones(()))
    for t in range(4):
        updates, state = tx.update(jnp.ones(()), state)
        assert float(updates) == pytest.approx(-1 / (1 + t))
        kept = state["scale_by_learning_rate"]
        assert int(kept["count"]) == t + 1
        assert float(kept["learning_rate"]) == pytest.approx(1 / (1 + t))


def test_count_stays_at_the_end_of_int32():
    tx = adamx.sgd(inverse_time_decay_schedule(1.0, 1.0))
    state = tx.init(jnp.ones(()))
    last = jnp.iinfo(jnp.int32).max
    state["scale_by_learning_rate"]["count"] = jnp.int32(last)
    updates, state = tx.update(jnp.ones(()), state)
    assert int(state["scale_by_learning_rate"]["count"]) == last
    assert float(updates) == pytest.approx(-1 / (1 + last))


def test_an_optimizer_with_a_traced_rate_does_not_leak():
    def step(rate):
        tx = adamx.adam(rate)
        return tx.update(jnp.ones(2), tx.init(jnp.ones(2)))

    with jax.checking_leaks():
        jax.jit(step)(0.1)


def test_schedule_must_return_one_number():
    tx = adamx.sgd(lambda count: jnp.ones(3))
    with pytest.raises(adamx.TransformError, match="one number"):
        tx.init(jnp.ones(()))
