"""Gradients of each example: what one of them can change, and the noise over it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adamx
from tests.problems import DIGITS
from tests.tiers import full

EXAMPLES = 5
START = {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3), "s": jnp.zeros(())}


def batch(seed, scale=1.0, dtype=jnp.float32):
    """Gradients of each example, of very different sizes."""
    rng = np.random.default_rng(seed)

    def normal(p):
        sizes = 10.0 ** rng.uniform(-2, 2, (EXAMPLES, *[1] * p.ndim))
        x = rng.normal(size=(EXAMPLES, *p.shape)) * sizes * scale
        return jnp.asarray(x, dtype)

    return jax.tree.map(normal, START)


def norm(tree):
    leaves = [np.asarray(x, np.complex128) for x in jax.tree.leaves(tree)]
    return np.sqrt(sum((np.abs(x) ** 2).sum() for x in leaves))


def clipped_sum(grads, bound):
    """The formula, in float64."""
    leaves = {k: np.asarray(g, np.float64) for k, g in grads.items()}
    total = {k: np.zeros(g.shape[1:]) for k, g in leaves.items()}
    for i in range(EXAMPLES):
        size = norm({k: g[i] for k, g in leaves.items()})
        for k, g in leaves.items():
            total[k] = total[k] + g[i] * min(1.0, bound / size)
    return total


def close(ours, expected, rtol=2e-6):
    for key, right in expected.items():
        size = np.abs(right).max()
        np.testing.assert_allclose(ours[key], np.asarray(right), rtol, rtol * size)


@pytest.mark.parametrize("bound", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(3))
def test_the_sum_is_the_formulas_and_optaxs(seed, bound):
    grads = batch(seed)
    total, number = adamx.per_example_global_norm_clip(grads, bound)
    close(total, clipped_sum(grads, bound))
    theirs, count = optax.per_example_global_norm_clip(grads, bound)  # pyright: ignore
    close(total, theirs)
    assert (number.dtype, int(number)) == (jnp.int32, int(count))


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("bound", [0.1, 10.0, jnp.inf])
def test_the_sum_by_layers_is_optaxs(uniform, bound):
    grads = batch(1)
    total, numbers = adamx.per_example_layer_norm_clip(grads, bound, uniform)
    theirs, counts = optax.per_example_layer_norm_clip(grads, bound, uniform)
    close(total, theirs)
    assert jax.tree.map(int, numbers) == jax.tree.map(int, counts)


@pytest.mark.parametrize("key", [1, jax.random.key(1)])
def test_without_noise_the_mean_is_optaxs(key):
    ours = adamx.differentially_private_aggregate(0.7, 0.0, key)
    theirs = optax.contrib.differentially_private_aggregate(0.7, 0.0, key)
    grads = batch(2)
    updates, _ = ours.update(grads, ours.init(START), START)
    expected, _ = theirs.update(grads, theirs.init(START), START)
    close(updates, expected)


# Optax's dpsgd calls what Optax has deprecated.
@pytest.mark.filterwarnings("ignore:.seed. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("nesterov", [False, True])
def test_without_noise_dpsgd_is_optaxs(nesterov):
    arguments = {"momentum": 0.9, "nesterov": nesterov, "seed": 1}
    ours = adamx.dpsgd(0.1, 0.7, 0.0, **arguments)
    theirs = optax.contrib.dpsgd(0.1, 0.7, 0.0, **arguments)
    state, other = ours.init(START), theirs.init(START)
    for seed in range(5):
        updates, state = ours.update(batch(seed), state, START)
        expected, other = theirs.update(batch(seed), other, START)
        close(updates, expected)


SPECIAL = [0.0, 1e-38, 1e-30, 1e-3, 1.0, 1e3, 1e20, 3e38, np.inf, -np.inf, np.nan]


@st.composite
def example(draw):
    """The gradient of one example, of any size, finite or not."""
    numbers = st.sampled_from(SPECIAL) | st.floats(-100, 100, width=32)
    return {
        "w": np.array(draw(st.lists(numbers, min_size=6, max_size=6)), np.float32),
        "b": np.array(draw(st.lists(numbers, min_size=3, max_size=3)), np.float32),
    }


def total_of(kind, examples, bound):
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *examples)
    total, _ = kind(stacked, bound)
    return jax.tree.map(lambda x: np.asarray(x, np.float64), total)


KINDS = [adamx.per_example_global_norm_clip, adamx.per_example_layer_norm_clip]


@pytest.mark.parametrize("kind", [KINDS[0], full(KINDS[1])])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(example(), min_size=3, max_size=3),
    example(),
    st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_one_example_changes_the_sum_by_no_more_than_the_bound(
    kind, examples, other, bound
):
    # Each term is rounded, and the sum of them: a few units of the last place of each.
    most = bound * (1 + 1e-5)
    whole = total_of(kind, examples, bound)
    nothing = jax.tree.map(np.zeros_like, other)
    without = total_of(kind, [*examples[:2], nothing], bound)
    exchanged = total_of(kind, [*examples[:2], other], bound)
    for tree in (whole, without, exchanged):
        assert all(np.isfinite(x).all() for x in tree.values())

    def change(a, b):
        return norm(jax.tree.map(np.subtract, a, b))

    assert change(whole, without) <= most
    assert change(whole, exchanged) <= 2 * most
    assert norm(whole) <= 3 * most


def test_examples_that_are_not_finite_count_as_zero_and_as_clipped():
    grads = batch(0)
    rest = jax.tree.map(lambda g: g.at[jnp.array([1, 3])].set(0), grads)
    bad = {**grads, "b": grads["b"].at[1, 0].set(jnp.nan).at[3, 2].set(jnp.inf)}
    total, number = adamx.per_example_global_norm_clip(bad, 1.0)
    expected, clipped = adamx.per_example_global_norm_clip(rest, 1.0)
    close(total, expected)
    assert int(number) == int(clipped) + 2


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_norms_are_right_where_squares_are_no_numbers(scale):
    grads = batch(0, scale)
    total, _ = adamx.per_example_global_norm_clip(grads, scale)
    close(total, clipped_sum(grads, scale))
    total, _ = adamx.per_example_global_norm_clip(grads, 1.0)
    close(total, clipped_sum(grads, 1.0))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_sums_of_narrow_gradients_are_taken_in_float32(dtype):
    grads = {"w": jnp.full((4096, 10), 30.0, dtype)}
    total, number = adamx.per_example_global_norm_clip(grads, 1.0)
    assert (total["w"].dtype, int(number)) == (jnp.float32, 4096)
    np.testing.assert_allclose(total["w"], 4096 / 10**0.5, rtol=1e-5)
    params = {"w": jnp.ones(10, dtype)}
    tx = adamx.differentially_private_aggregate(1.0, 0.0, 1)
    updates, _ = tx.update(grads, tx.init(params), params)
    expected = jnp.full(10, 10**-0.5).astype(dtype)
    assert updates["w"].dtype == dtype
    assert jnp.array_equal(updates["w"], expected)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_the_noise_is_sigma_c_over_b_in_every_number(dtype):
    count, start = 100_000, {"a": jnp.zeros(100_000, dtype), "b": jnp.zeros(10)}
    tx = adamx.differentially_private_aggregate(2.0, 3.0, key=1)
    grads = jax.tree.map(lambda p: jnp.zeros((4, *p.shape), p.dtype), start)
    state, rows = tx.init(start), []
    for _ in range(2):
        updates, state = tx.update(grads, state, start)
        parts = np.asarray(updates["a"]).view(np.float32).reshape(count, -1)
        rows += [*(parts.T / (3.0 * 2.0 / 4))]
    for x in rows:
        # Of 10⁵ normal numbers, within 5 standard deviations.
        assert abs(x.mean()) < 5 * count**-0.5
        assert abs((x**2).mean() - 1) < 5 * (2 / count) ** 0.5
        assert abs((x**4).mean() - 3) < 5 * (96 / count) ** 0.5
    away = np.abs(np.corrcoef(rows) - np.eye(len(rows))).max()
    assert away < 5 * count**-0.5


def test_frozen_and_absent_leaves_take_no_part():
    grads, tx = batch(0), adamx.differentially_private_aggregate(1.0, 0.5, key=1)
    frozen = adamx.freeze({"w": True, "b": False, "s": False})
    for first in (True, False):
        held = adamx.chain(frozen, tx) if first else adamx.chain(tx, frozen)
        updates, _ = held.update(grads, held.init(START), START)
        assert updates["w"].shape == (2, 3)
        assert not updates["w"].any()
        absent = {**START, "w": None}
        rest, _ = tx.update({**grads, "w": None}, tx.init(absent), absent)
        assert jnp.array_equal(updates["b"], rest["b"])
        assert jnp.array_equal(updates["s"], rest["s"])


def test_odd_leaves():
    start = {"none": None, "empty": jnp.zeros((0, 2)), "c": jnp.zeros(2, jnp.complex64)}
    grads = {"none": None, "empty": jnp.zeros((1, 0, 2)), "c": jnp.array([[3j, 4.0]])}
    tx = adamx.differentially_private_aggregate(1.0, 0.0, key=1)
    updates, _ = tx.update(grads, tx.init(start), start)
    np.testing.assert_allclose(updates["c"], [0.6j, 0.8], rtol=1e-6)
    assert (updates["none"], updates["empty"].shape) == (None, (0, 2))
    for kind in KINDS:
        total, _ = kind(grads, jnp.inf)
        assert total["c"].tolist() == [3j, 4]
        assert (total["none"], total["empty"].shape) == (None, (0, 2))
        assert kind({}, 1.0)[0] == {}


WRONG = {
    "no examples in front": (START, ["['b']"]),
    "other shapes": ({**batch(0), "w": jnp.ones((5, 3, 2))}, ["['w']", "[2,3]"]),
    "other examples": ({**batch(0), "w": jnp.ones((4, 2, 3))}, ["['w']", "4 examples"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_batch_is_one_clear_error(name):
    grads, words = WRONG[name]
    words = ["differentially_private_aggregate", "jax.vmap", "expected", *words]
    tx = adamx.dpsgd(0.1, 1.0, 1.0, 1)
    with pytest.raises(adamx.TransformError) as error:
        tx.update(grads, tx.init(START), START)
    assert not [word for word in words if word not in str(error.value)]
    with pytest.raises(adamx.TransformError, match="parameters"):
        tx.update(batch(0), tx.init(START))


def test_it_has_to_be_first():
    for tx in (
        adamx.chain(adamx.clip(1.0), adamx.dpsgd(0.1, 1.0, 1.0, 1)),
        adamx.MultiSteps(adamx.dpsgd(0.1, 1.0, 1.0, 1), 2),
    ):
        with pytest.raises(adamx.TransformError, match="does not fit its parameter"):
            tx.update(batch(0), tx.init(START), START)


@pytest.mark.parametrize("kind", KINDS)
def test_functions_refuse_what_is_no_batch(kind):
    with pytest.raises(adamx.TransformError, match=r"(?s)\['w'\].*jax\.vmap"):
        kind({"b": jnp.ones((3, 2)), "w": jnp.ones((4, 2))}, 1.0)
    with pytest.raises(adamx.TransformError, match=r"\['s'\]"):
        kind({"b": jnp.ones((3, 2)), "s": jnp.ones(())}, 1.0)
    with pytest.raises(adamx.TransformError, match="l2_norm_clip"):
        kind(batch(0), -1.0)


def test_no_example_is_an_error():
    tx = adamx.dpsgd(0.1, 1.0, 1.0, 1)
    none = jax.tree.map(lambda g: g[:0], batch(0))
    with pytest.raises(adamx.TransformError, match="no example"):
        tx.update(none, tx.init(START), START)


def test_a_scheduled_bound_is_used_for_clipping_and_for_noise():
    tx = adamx.dpsgd(1.0, lambda count: 1.0 + count, 0.0, 1)
    grads = {"w": jnp.full((1, 4), 100.0)}
    params = {"w": jnp.zeros(4)}
    state = tx.init(params)
    for bound in (1.0, 2.0):
        updates, state = tx.update(grads, state, params)
        np.testing.assert_allclose(updates["w"], -bound / 2, rtol=1e-6)


def test_other_optimizers_can_follow_and_curvature_with_them():
    private = adamx.differentially_private_aggregate(1.0, 0.1, 1)
    tx = adamx.chain(private, adamx.sophia(0.1))
    hessian = jax.tree.map(jnp.ones_like, START)
    updates, _ = tx.update(batch(0), tx.init(START), START, hessian=hessian)
    alike = jax.tree.map(lambda u, p: u.shape == p.shape, updates, START)
    assert all(jax.tree.leaves(alike))


@pytest.mark.full
def test_digits_are_read_in_private():
    keys = jax.random.split(jax.random.key(1), (300, 8))
    tx = adamx.dpsgd(0.5, l2_norm_clip=1.0, noise_multiplier=0.05, seed=1, momentum=0.8)
    grad = jax.vmap(jax.grad(DIGITS.loss), (None, 0))

    def step(carry, keys):
        params, state = carry
        updates, state = tx.update(grad(params, keys), state, params)
        return (adamx.apply_updates(params, updates), state), None

    first = DIGITS.start, tx.init(DIGITS.start)
    (params, _), _ = jax.lax.scan(step, first, keys)
    assert float(DIGITS.score(params)) <= 0.1
