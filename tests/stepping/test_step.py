"""A whole step in one program, and parameters of 16 bits in it."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.errors import TransformError
from adamx.stepping.rounding import ROUNDINGS
from tests.tiers import full

LOSSLESS = ("stochastic", "kahan", "correction")


def run(step, params, grads, steps):
    """Many steps on one gradient, in one program."""
    state = step.init(params)

    def once(carry, _):
        return step(*carry, grads), None

    return jax.lax.scan(once, (params, state), length=steps)[0]


@pytest.mark.parametrize("rounding", LOSSLESS)
def test_a_thousand_small_steps_are_not_lost(rounding):
    """From 1 a thousand thousandths: 0 is left.

    By chance one number is off by a few hundredths, each step by at most half of 2⁻⁸;
    the mean of 4,096 numbers is not.
    """
    n = 4096 if rounding == "stochastic" else 1
    step = adamx.make_step(adamx.sgd(1e-3), rounding)
    ones = jnp.ones(n, jnp.bfloat16)
    params, _ = run(step, ones, ones, 1000)
    assert params.dtype == jnp.bfloat16
    assert abs(np.asarray(params, np.float64).mean()) <= 0.01


def test_to_the_nearest_they_are_lost():
    ones = jnp.ones(1, jnp.bfloat16)
    params, state = run(adamx.make_step(adamx.sgd(1e-3)), ones, ones, 1000)
    assert params[0] == 1
    assert state == adamx.sgd(1e-3).init(ones)


@pytest.mark.parametrize("rounding", ["kahan", "correction"])
def test_what_is_kept_makes_up_for_what_was_rounded_away(rounding):
    """Each step is within a unit of 16 bits of mantissa of float32's."""
    rng = np.random.default_rng(0)
    params = jnp.asarray(rng.normal(size=500), jnp.bfloat16)
    right = params.astype(jnp.float32)
    tx = adamx.adamw(1e-2, weight_decay=0.1)
    step = adamx.make_step(tx, rounding)
    state, other = step.init(params), tx.init(right)
    for seed in range(30):
        g = jnp.asarray(np.random.default_rng(seed).normal(size=500), jnp.float32)
        params, state = step(params, state, g)
        updates, other = tx.update(g, other, right)
        right = adamx.apply_updates(right, updates)
    whole = step.whole(params, state)
    assert whole.dtype == jnp.float32
    largest = np.maximum(np.abs(right), 0.1)
    # Rounded to 16 bits, or twice to 8, in each of 30 steps; some of them cancel.
    assert (np.abs(whole - right) <= 30 * 2**-16 * largest).all()
    gap = np.abs(np.asarray(params, np.float32) - whole)
    assert (gap <= 2**-8 * np.abs(whole) * 1.01).all()


def test_a_corrected_parameter_is_a_float_of_24_bits():
    kind = ROUNDINGS["correction"]()
    rng = np.random.default_rng(1)
    x = rng.normal(size=10_000) * 10.0 ** rng.integers(-30, 30, 10_000)
    x = jnp.asarray(np.r_[x, 0, 1, -1, 1 + 2**-15, 3.4e38, np.inf, -np.inf], "float32")
    param = x.astype(jnp.bfloat16)
    new, kept = kind.write(x, param, jnp.zeros_like(x, jnp.int8), None)
    assert (new.dtype, kept.dtype) == (jnp.bfloat16, jnp.int8)
    whole = kind.whole(new, kept)
    finite = np.abs(x) < 3.3e38
    np.testing.assert_allclose(whole[finite], x[finite], rtol=2**-16)
    assert whole[-1] == -np.inf
    assert whole[-2] == np.inf
    assert np.isfinite(whole[-3])
    again, same = kind.write(whole, new, kept, None)
    assert (again == new).all()
    assert (same == kept).all()
    nan, _ = kind.write(jnp.float32(jnp.nan), param[0], kept[0], None)
    assert jnp.isnan(nan)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounded_by_chance_is_right_on_the_average_and_from_the_key(dtype):
    """4,096 numbers of 100 steps of a tenth of a gap: the mean is within 5σ.

    In each step the variance is at most 0.1·0.9 of a gap squared.
    """
    gap = 2.0 ** (-7 if dtype == "bfloat16" else -10)
    one = jnp.ones(4096, dtype)
    step = adamx.make_step(adamx.sgd(0.1 * gap), "stochastic", key=5)
    params, _ = run(step, one, -one, 100)
    mean = np.asarray(params, np.float64).mean()
    assert abs(mean - 1 - 10 * gap) <= 5 * gap * (100 * 0.09 / 4096) ** 0.5
    tx = adamx.sgd(0.1 * gap)
    again, other = (
        run(adamx.make_step(tx, "stochastic", key=key), one, -one, 100)
        for key in (5, 6)
    )
    assert (params == again[0]).all()
    assert not (params == other[0]).all()


def test_every_parameter_is_rounded_by_chances_of_its_own():
    step = adamx.make_step(adamx.sgd(2.0**-9), "stochastic")
    params = {"a": jnp.ones(256, jnp.bfloat16), "b": jnp.ones(256, jnp.bfloat16)}
    grads = jax.tree.map(jnp.negative, params)
    new, _ = step(params, step.init(params), grads)
    assert (new["a"] != new["b"]).any()


TREE = {
    "w": jnp.ones((64, 80), jnp.bfloat16),
    "b": jnp.ones(80),
    "none": None,
    "n": jnp.array(3),
}


def gradient():
    return {
        "w": jnp.sin(jnp.arange(64.0 * 80)).reshape(64, 80).astype(jnp.bfloat16),
        "b": jnp.cos(jnp.arange(80.0)),
        "none": None,
        "n": np.zeros((), jax.dtypes.float0),
    }


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_all_together(rounding):
    """Clip, update, decay, freeze, encode, and write, as one after the other."""
    tx = adamx.stored(
        adamx.chain(
            adamx.clip_by_global_norm(1.0),
            adamx.adamw(0.1),
            adamx.freeze(lambda path, leaf: path == "n"),
        ),
        adamx.int8(),
    )
    step = adamx.make_step(tx, rounding, donate=False)
    params, state = TREE, step.init(TREE)
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), (params, state))
    for _ in range(3):
        params, state = step(params, state, gradient())
        assert jax.tree.map(lambda x: (x.shape, x.dtype), (params, state)) == shapes
    assert params["n"] == 3
    right, other = TREE, tx.init(TREE)
    for _ in range(3):
        updates, other = tx.update(gradient(), other, right)
        right = adamx.apply_updates(right, updates)
    np.testing.assert_allclose(params["b"], right["b"], rtol=1e-5)
    np.testing.assert_allclose(
        np.asarray(params["w"], float), np.asarray(right["w"], float), rtol=2**-5
    )


def test_is_one_program_and_uses_the_buffers():
    step = adamx.make_step(adamx.stored(adamx.adam(0.1), adamx.int8()), "kahan")
    params = {"w": jnp.ones((64, 80), jnp.bfloat16)}
    grads = {"w": jnp.ones((64, 80), jnp.bfloat16)}
    state = step.init(params)
    before = jax.tree.leaves((params, state))
    params, state = step(params, state, grads)
    assert all(x.is_deleted() for x in before if x.ndim > 1)
    with jax.log_compiles(False), jax.checking_leaks():
        step(params, state, grads)
    assert step == adamx.make_step(adamx.stored(adamx.adam(0.1), adamx.int8()), "kahan")
    assert pickle.loads(pickle.dumps(step)) == step
    assert repr(step).startswith("make_step(stored(adam(0.1), codec=int8())")


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_gradient_that_is_not_finite_changes_nothing(rounding):
    step = adamx.make_step(adamx.adam(0.1), rounding, skip_nonfinite=True, donate=False)
    params = {"w": jnp.ones(8, jnp.bfloat16), "b": jnp.ones(3)}
    fine = jax.tree.map(jnp.ones_like, params)
    params, state = step(params, step.init(params), fine)
    for bad in (jnp.nan, jnp.inf):
        grads = {**fine, "b": jnp.array([0.0, bad, 0.0])}
        new = step(params, state, grads)
        for (path, a), b in zip(
            jax.tree_util.tree_leaves_with_path(new),
            jax.tree.leaves((params, state)),
            strict=True,
        ):
            assert (a == b).all(), path
    moved, _ = step(params, state, fine)
    assert (moved["b"] != params["b"]).all()


def test_optax_sees_float32_and_small_steps_are_kept():
    step = adamx.make_step(optax.sgd(1e-3), "kahan")
    ones = jnp.ones(3, jnp.bfloat16)
    params, _ = run(step, ones, ones, 1000)
    assert (abs(params.astype(jnp.float32)) <= 0.01).all()
    state = adamx.make_step(optax.adam(1e-3)).init(ones)
    floats = [x for x in jax.tree.leaves(state) if x.ndim]
    assert [x.dtype for x in floats] == [jnp.float32] * 2


def test_arguments_of_update_are_passed_on():
    step = adamx.make_step(adamx.polyak_sgd(), donate=False)
    params = jnp.array([1.0, 2.0])
    new, _ = step(params, step.init(params), params, value=jnp.float32(2.5))
    np.testing.assert_allclose(new, params / 2, rtol=1e-5)


AXES = jax.sharding.AxisType
SOME = (("int8", 0), ("int4", 1))


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("codec", "shape", "kind"),
    [
        (codec, shape, kind) if (codec, i) in SOME else full(codec, shape, kind)
        for codec in ("int8", "int8_dynamic", "int4")
        for i, shape in enumerate([(8, 1024), (8, 10)])
        for kind in (AXES.Auto, AXES.Explicit)
    ],
)
def test_sharded_is_unsharded(codec, shape, kind):
    """Where blocks are parts of rows, and where they are not."""
    devices = jax.devices()[:8]
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind), devices=devices)
    where = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x", "y"))
    tx = adamx.stored(adamx.adam(0.1), getattr(adamx, codec)(), min_size=0)
    step = adamx.make_step(tx, "correction", donate=False)
    params = jnp.ones(shape, jnp.bfloat16)
    grads = jnp.sin(jnp.arange(float(params.size))).reshape(shape)
    far = jax.device_put(params, where)
    alone, together = (params, step.init(params)), (far, step.init(far))
    for _ in range(3):
        alone = step(*alone, grads)
        together = step(*together, jax.device_put(grads, where))
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))
        if a.shape == shape:
            assert b.sharding.is_equivalent_to(where, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: adamx.make_step(adamx.sgd(0.1), "kahn"), "did you mean 'kahan'"),
        (
            lambda: adamx.make_step(adamx.sgd(0.1), "correction").init(
                {"h": jnp.ones(2, jnp.float16)}
            ),
            r"(?s)8 bits.*\['h'\]",
        ),
        (
            lambda: adamx.make_step(adamx.sgd(0.1), "kahan")(
                jnp.ones(2), adamx.sgd(0.1).init(jnp.ones(2)), jnp.ones(2)
            ),
            "another step",
        ),
        (lambda: adamx.make_step(adamx.sgd(0.1))(1.0, None, 1.0), "something else"),
        (
            lambda: adamx.make_step(adamx.sgd(0.1))({"a": 1.0}, {}, {"b": 1.0}),
            "different trees",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(TransformError, match=words):
        call()
