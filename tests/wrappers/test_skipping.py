"""Steps that are left out, and rates that fall: when, and what is left of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from tests.trees import assert_same_bits, grads, params, run

BAD = {"nan": jnp.nan, "inf": jnp.inf, "-inf": -jnp.inf}


def spoiled(g, value):
    return {**g, "layer": {**g["layer"], "b": g["layer"]["b"].at[1].set(value)}}


@pytest.mark.parametrize("most", [0, 2])
def test_apply_if_finite_does_as_optax_does(most):
    ours = adamx.apply_if_finite(adamx.sgd(0.1, 0.9), most)
    theirs = optax.apply_if_finite(optax.sgd(0.1, 0.9), most)
    mine, state = ours.init(params()), theirs.init(params())
    good = grads(params())
    for g in [good, *(spoiled(good, x) for x in BAD.values()), good, good]:
        a, mine = ours.update(g, mine, params())
        b, state = theirs.update(g, state, params())
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, 1e-6), a, b)
        for name, count in mine["apply_if_finite"].items():
            assert name == "inner" or int(count) == int(getattr(state, name))


GATES = {
    "finite": lambda tx: adamx.apply_if_finite(tx, 3),
    "large": lambda tx: adamx.skip_large_updates(tx, 100.0),
    "not finite": adamx.skip_not_finite,
    "spikes": lambda tx: adamx.skip_spikes(tx),
    "loss_scale": lambda tx: adamx.dynamic_loss_scale(tx, 1.0),
    "mask": lambda tx: adamx.conditionally_mask(tx, lambda step: step != 1),
}


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("gate", GATES)
def test_a_step_that_is_skipped_leaves_nothing(gate, value):
    tx = GATES[gate](adamx.adamw(0.1))
    g, state = grads(params()), tx.init(params())
    _, state = tx.update(g, state, params())
    updates, after = tx.update(spoiled(g, BAD[value]), state, params())
    assert not any(jnp.any(u) for u in jax.tree.leaves(updates))
    (piece,) = state
    assert_same_bits(after[piece]["inner"], state[piece]["inner"])
    again, _ = tx.update(g, after, params())
    once, _ = run(adamx.adamw(0.1), params(), 1)
    assert jax.tree.structure(again) == jax.tree.structure(once)
    assert all(bool(jnp.isfinite(u).all()) for u in jax.tree.leaves(again))


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("name", ["conditionally_mask", "conditionally_transform"])
def test_conditions_are_those_of_optax(name, forward):
    def condition(step, value=0.0):
        return step % 3 != 1 + (value > 1)

    ours = getattr(adamx, name)(adamx.trace(0.9), condition, forward)
    theirs = getattr(optax, name)(optax.trace(0.9), condition, forward)
    mine, state = ours.init(params()), theirs.init(params())
    for t in range(7):
        g, extra = grads(params(), t), {"value": t % 2 * 2.0} if forward else {}
        a, mine = ours.update(g, mine, params(), **extra)
        b, state = theirs.update(g, state, params(), **extra)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, 1e-6), a, b)


def test_a_condition_says_what_it_misses():
    tx = adamx.conditionally_mask(
        adamx.sgd(0.1), lambda step, loss: loss > 0, forward_extra_args=True
    )
    with pytest.raises(adamx.TransformError, match=r"(?s)'loss'.*conditionally_mask"):
        tx.update(params(), tx.init(params()), params())


def test_a_large_micro_batch_is_left_out_of_the_mean():
    tx = adamx.skip_large_updates(adamx.MultiSteps(adamx.sgd(1.0), 2), 10.0)
    state, seen = tx.init(jnp.float32(0)), []
    for g in (1.0, 1e30, jnp.nan, 3.0):
        updates, state = tx.update(jnp.float32(g), state)
        seen.append(float(updates))
    assert seen == [0.0, 0.0, 0.0, -2.0]
    assert int(state["skip_large_updates"]["total_skipped"]) == 2


def test_a_norm_whose_square_is_none_is_compared():
    tx = adamx.skip_large_updates(adamx.identity(), 6e30)
    for largest, passes in ((4e30, True), (7e30, False)):
        g = jnp.array([largest, 3e30])
        updates, state = tx.update(g, tx.init(g))
        assert bool(jnp.any(updates)) == passes
        norm = float(state["skip_large_updates"]["norm"])
        np.testing.assert_allclose(norm, np.hypot(largest, 3e30), 1e-6)


def spikes(norms, values, window, sigma):
    """Which steps are skipped, in NumPy; values of None are not given."""
    last, out = {"norm": [], "value": []}, []
    for at in zip(norms, values, strict=True):
        skip = False
        for (_, seen), x in zip(last.items(), at, strict=True):
            if x is None:
                continue
            recent = seen[-window:]
            if len(recent) >= max(2, window // 2):
                skip |= x - np.mean(recent) > sigma * np.std(recent, ddof=1)
            skip |= not np.isfinite(x)
            seen += [x] * bool(np.isfinite(x))
        out.append(bool(skip))
    return out


@pytest.mark.parametrize(("window", "sigma"), [(8, 3.0), (3, 1.5), (2, 4.0)])
def test_spikes_are_those_of_a_numpy_loop(window, sigma, x64):
    rng = np.random.default_rng(0)
    norms = np.abs(rng.normal(5, 1, 60))
    norms[[20, 21, 40]] = 50.0, 60.0, np.nan
    losses = rng.normal(-1, 0.1, 60)
    losses[[30, 45]] = 3.0, np.inf
    values = [None if t % 7 == 0 else x for t, x in enumerate(losses)]
    expected = spikes(norms, values, window, sigma)
    tx = adamx.skip_spikes(adamx.sgd(1.0), window, sigma)
    state, found = tx.init(jnp.zeros(2)), []
    for norm, value in zip(norms, values, strict=True):
        extra = {} if value is None else {"value": value}
        g = norm * jnp.array([0.6, -0.8])
        updates, state = tx.update(g, state, **extra)
        found.append(not bool(jnp.any(updates)))
    assert found == expected
    assert 3 < sum(expected) < 30
    mine = state["skip_spikes"]
    assert int(mine["total_skipped"]) == sum(expected)
    assert bool(mine["last_skipped"]) == expected[-1]
    assert int(mine["value_count"]) == window


def test_training_goes_on_after_a_change_of_level():
    tx = adamx.skip_spikes(adamx.sgd(1.0), 16)

    def step(state, g):
        updates, state = tx.update(g, state)
        return state, updates == 0

    levels = jnp.concatenate([jnp.full(20, 1.0), jnp.full(20, 1e3)])
    _, skipped = jax.lax.scan(step, tx.init(jnp.float32(0)), levels)
    assert skipped[:20].sum() == 0
    assert bool(skipped[20])
    assert skipped[25:].sum() == 0


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_rounding_is_no_spike_and_sizes_do_not_matter(size):
    tx = adamx.skip_spikes(adamx.identity(), 8)

    def step(state, g):
        updates, state = tx.update(g, state)
        return state, jnp.any(updates)

    rng = np.random.default_rng(0)
    # Each a turn of the same vector, whose norm is rounded in another way.
    turned = np.stack([rng.permutation(np.arange(1.0, 100)) for _ in range(20)])
    g = jnp.asarray(turned * size, "float32").at[15].multiply(2.0)
    _, passed = jax.lax.scan(step, tx.init(g[0]), g)
    assert [i for i, yes in enumerate(passed) if not yes] == [15]


@pytest.mark.parametrize("value", [jnp.ones(2), "high", None, True, 1j])
def test_a_loss_is_one_number(value):
    tx = adamx.skip_spikes(adamx.sgd(1.0))
    with pytest.raises(adamx.TransformError, match=r"'value'(.|\n)*skip_spikes"):
        tx.update(jnp.float32(1), tx.init(jnp.float32(1)), value=value)


class TestLossScale:
    def grad(self, state, p):
        def scaled(p):
            return (
                adamx.loss_scale(state).astype(p.dtype) * (p * jnp.float16(1e-3)) ** 3
            )

        return jax.grad(scaled)(p)

    def test_small_gradients_of_float16_come_through(self):
        p = jnp.float16(1.0)
        tx = adamx.dynamic_loss_scale(adamx.scale_by_adam(eps=0.0), 2.0**14)
        updates, _ = tx.update(self.grad(tx.init(p), p), tx.init(p), p)
        assert float(updates) == 1.0  # of a gradient of 3e-9, which float16 has not
        assert float(jnp.float16(3e-9)) == 0.0

    def test_the_scale_falls_at_once_and_grows_slowly(self):
        tx = adamx.dynamic_loss_scale(adamx.sgd(1.0), 8.0, 3)
        state, seen = tx.init(jnp.float16(0)), []
        for g in (jnp.inf, 1.0, 1.0, 1.0, 1.0, jnp.nan, 1.0, 1.0, 1.0):
            _, state = tx.update(jnp.float16(g), state)
            seen.append(float(adamx.loss_scale(state)))
        assert seen == [4, 4, 4, 8, 8, 4, 4, 4, 8]

    def test_it_never_becomes_what_cannot_be_divided_by(self):
        for factor, g in ((2.0, 0.0), (0.5, jnp.nan)):
            tx = adamx.dynamic_loss_scale(adamx.sgd(1.0), 1.0, 1, 2.0**40, 2.0**-40)
            state = tx.init(jnp.float16(0))
            for _ in range(8):
                _, state = tx.update(jnp.float16(g), state)
            assert 0 < float(adamx.loss_scale(state)) < jnp.inf, factor

    def test_there_must_be_one(self):
        tx = adamx.adam(0.1)
        with pytest.raises(adamx.TransformError, match="dynamic_loss_scale"):
            adamx.loss_scale(tx.init(params()))


def scales(tx, losses):
    state, seen = tx.init(jnp.float32(0)), []
    for value in losses:
        updates, state = tx.update(jnp.float32(1), state, value=value)
        seen.append(float(updates))
    return seen


_DRAWN = np.random.default_rng(0).choice([3, 2, 1, 0.5, 0.4995], 40)
LOSSES = [float(x) for x in _DRAWN]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"factor": 0.5, "patience": 3, "cooldown": 2},
        {"patience": 1, "rtol": 0.0, "atol": 0.6, "cooldown": 1, "min_scale": 0.05},
        {"patience": 2, "accumulation_size": 3},
    ],
)
def test_a_plateau_is_what_optax_calls_one(options):
    ours = scales(adamx.reduce_on_plateau(**options), LOSSES)
    theirs = scales(optax.contrib.reduce_on_plateau(**options), LOSSES)
    assert len(set(ours)) > 1
    np.testing.assert_allclose(ours, theirs, 1e-6)


@pytest.mark.parametrize(
    "options",
    [{"patience": 2}, {"patience": 3, "cooldown": 2, "factor": 0.5}],
)
def test_a_plateau_is_what_pytorch_calls_one(options):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    patient = {**options, "patience": options["patience"] - 1}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, threshold=1e-4, eps=0.0, **patient
    )
    theirs = []
    for value in LOSSES:
        scheduler.step(value)
        theirs.append(optimizer.param_groups[0]["lr"])
    ours = scales(adamx.reduce_on_plateau(**options), LOSSES)
    np.testing.assert_allclose(ours, theirs, 1e-6)


def test_a_loss_below_zero_that_rises_is_no_better():
    """(1 − rtol) times −1 is above −1, and Optax takes −0.95 for better than that."""
    losses = [-1.0] + [-0.95] * 6
    options = {"factor": 0.5, "patience": 3, "rtol": 0.1}
    assert scales(adamx.reduce_on_plateau(**options), losses)[-1] == 0.25
    assert scales(optax.contrib.reduce_on_plateau(**options), losses)[-1] == 1.0


def test_no_number_is_no_better():
    losses = [1.0, *[jnp.nan] * 4, 0.5]
    seen = scales(adamx.reduce_on_plateau(0.5, patience=2), losses)
    assert seen == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_nan_does_not_outlive_the_step_of_its_micro_batch():
    tx = adamx.MultiSteps(adamx.sgd(1.0), 2)
    state, seen = tx.init(jnp.float32(0)), []
    for g in (jnp.nan, 1.0, 2.0, 4.0):
        updates, state = tx.update(jnp.float32(g), state)
        seen.append(float(updates))
    np.testing.assert_array_equal(seen, [0, jnp.nan, 0, -3])


@pytest.mark.parametrize("k", [1, 3])
def test_apply_every_does_as_optax_does(k):
    ours, theirs = adamx.apply_every(k), optax.apply_every(k)
    mine, state = ours.init(params()), theirs.init(params())
    for t in range(7):
        a, mine = ours.update(grads(params(), t), mine)
        b, state = theirs.update(grads(params(), t), state)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, 1e-6), a, b)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: adamx.apply_if_finite(adamx.sgd(0.1), -1), "max_consecutive_errors"),
        (lambda: adamx.skip_large_updates(adamx.sgd(0.1), -1.0), "max_norm"),
        (lambda: adamx.skip_spikes(adamx.sgd(0.1), 1), "window"),
        (lambda: adamx.skip_spikes(adamx.sgd(0.1), 4, -1.0), "sigma"),
        (lambda: adamx.reduce_on_plateau(patience=0), "patience"),
        (lambda: adamx.reduce_on_plateau(1.5), "factor"),
        (lambda: adamx.reduce_on_plateau(cooldown=-1), "cooldown"),
        (lambda: adamx.apply_every(0), "an integer from 1"),
        (lambda: adamx.dynamic_loss_scale(adamx.sgd(1.0), 1.0, 0), "growth_interval"),
    ],
)
def test_what_is_wrong_is_said(wrong, words):
    with pytest.raises(adamx.TransformError, match=words):
        wrong()
