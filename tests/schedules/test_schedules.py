"""Schedules: their values at every count, and what they share with transforms."""

import functools
import importlib
import inspect
import math
import os
import pickle
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adamx
from adamx import schedules
from adamx.command.expression import evaluate
from adamx.command.schedules import SCHEDULES
from adamx.hyperparameters.hyper import is_schedule_builder
from adamx.testing.public import public_names
from tests.schedule_cases import CASES, RATE

END = 2**31 - 1
NEAR = np.arange(141)
FAR = np.array([10**7 - 1, 10**7, 2**24 + 1, 2**30, END - 1, END])
COUNTS = np.concatenate([NEAR, FAR])
EPS = float(np.finfo(np.float32).eps)

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def having(what):
    found = [case for case in CASES if getattr(case, what)]
    return pytest.mark.parametrize("case", found, ids=lambda case: case.name)


def close(found, expected, relative):
    """Within a share of the largest value that is expected."""
    size = np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * size)


def int32(counts):
    return jnp.asarray(counts, jnp.int32)


# Values


def test_every_schedule_is_tried():
    tried = {case.make(adamx).call.builder.__name__ for case in CASES}
    assert tried == set(SCHEDULES)


@each
def test_formula_in_float64(case, x64):
    expected = case.formula(COUNTS.astype(np.float64))
    close(case.make(adamx)(int32(COUNTS)), expected, 1e-12)


@each
def test_formula_in_float32(case):
    found = case.make(adamx)(int32(COUNTS))
    assert found.dtype == jnp.float32
    # A share, a function of it, a product and a sum: half a unit each, and one for the
    # function; of an exponential the exponent's error too, as large as what is left.
    close(found, case.formula(COUNTS.astype(np.float64)), 3 * EPS)


@having("optax")
def test_optax(case, x64):
    import optax

    theirs = case.make(optax)
    expected = np.array([theirs(jnp.int64(t)) for t in COUNTS])
    close(case.make(adamx)(int32(COUNTS)), expected, 1e-12)


@having("torch")
def test_torch(case):
    torch = pytest.importorskip("torch")
    name, options = case.torch
    scheduler = importlib.import_module("torch.optim.lr_scheduler")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    if name == "OneCycleLR":
        options = {**options, "cycle_momentum": False}
    rates = getattr(scheduler, name)(optimizer, **options)
    expected = []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rates.step() if len(expected) < 100 else None
    with jax.enable_x64(True):
        close(case.make(adamx)(int32(np.arange(100))), np.array(expected), 1e-12)


@having("keras")
def test_keras(case, x64):
    os.environ["KERAS_BACKEND"] = "jax"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
    name, options = case.keras
    if name != "PiecewiseConstantDecay":
        options = {"initial_learning_rate": RATE, **options}
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        theirs = getattr(keras.optimizers.schedules, name)(**options)
        expected = np.array([float(theirs(t)) for t in range(120)])
    finally:
        keras.config.set_floatx(before)
    # Its cosines are those of float32.
    tolerance = 3 * EPS if name.startswith("Cosine") else 1e-12
    close(case.make(adamx)(int32(np.arange(120))), expected, tolerance)


@pytest.mark.parametrize("steps", [7, 10**4, 10**7, END])
def test_the_last_steps_are_right_to_the_last_digit(steps):
    counts = steps - np.arange(1, 6)
    left = np.arange(1, 6) / steps
    expected = {
        adamx.cosine_decay_schedule(1.0, steps): np.sin(np.pi / 2 * left) ** 2,
        adamx.polynomial_schedule(1.0, 0.0, 2, steps): left**2,
        adamx.linear_schedule(1.0, 0.0, steps): left,
    }
    for rate, value in expected.items():
        np.testing.assert_allclose(rate(int32(counts)), value, rtol=4 * EPS)


def test_counts_beyond_the_integers_of_float32_are_told_apart():
    begin = 2**24
    for rate in (
        adamx.linear_schedule(0.0, 1.0, 1, begin),
        adamx.piecewise_constant_schedule(1.0, {begin + 1: 0.0}),
        adamx.join_schedules([lambda t: 0.0, lambda t: 1.0], [begin + 1]),
        adamx.exponential_decay(1.0, begin + 1, 0.5, staircase=True),
    ):
        before, after = rate(int32([begin, begin + 1]))
        assert before != after


def test_a_rate_near_one_is_not_rounded():
    found = adamx.exponential_decay(1.0, 1, 0.999)(10_000)
    np.testing.assert_allclose(found, 0.999**10_000, rtol=12 * EPS)


def test_shares_of_the_steps_are_not_cut_short():
    rate = adamx.cosine_onecycle_schedule(100, 1.0, pct_start=0.29)
    assert float(rate(29)) == 1.0 > float(rate(28))


def test_a_peak_of_zero_still_goes_to_the_end():
    rate = adamx.warmup_cosine_decay_schedule(0.0, 0.0, 2, 4, end_value=1.0)
    np.testing.assert_allclose(rate(int32([2, 3, 4, 9])), [0, 0.5, 1, 1], rtol=EPS)


def test_no_warmup_begins_at_the_peak():
    assert float(adamx.warmup_constant_schedule(0.0, 1.0, 0)(0)) == 1.0


# How they can be called


@each
def test_arrays_of_counts_under_jit_and_vmap_and_one_by_one(case):
    rate = case.make(adamx)
    whole = rate(int32(COUNTS))
    # Fused operations round differently.
    for found in (
        jax.jit(rate)(int32(COUNTS)),
        jax.vmap(rate)(int32(COUNTS)),
        np.array([rate(int(t)) for t in COUNTS]),
    ):
        close(found, whole, 2 * EPS)
    assert rate(int32(COUNTS).reshape(3, -1)).shape == (3, len(COUNTS) // 3)
    assert rate(5).shape == ()
    close(rate(jnp.int8(5)), rate(5), 0)
    assert np.isfinite(whole).all()


@each
def test_derivatives_by_all_numbers(case, x64):
    """Finite, and those of the values: of one between `where` and bounds, too."""
    call = case.make(adamx).call
    names = {
        name: value
        for name, value in call.bound.arguments.items()
        if isinstance(value, float) and not name.startswith("pct")
    }
    counts = int32([0, 5, 15, 17, 20, 29, 33, 65, 99, 100, 101, 10**7, END])

    def values(**changed):
        return call.builder(**{**call.bound.arguments, **changed})(counts)

    for name, value in names.items():
        slopes = jax.jacobian(lambda x, name=name: values(**{name: x}))(value)
        assert np.isfinite(slopes).all(), name
        h = 1e-6 * max(abs(value), 1e-2)
        above, below = values(**{name: value + h}), values(**{name: value - h})
        np.testing.assert_allclose(
            slopes, (above - below) / (2 * h), rtol=1e-5, atol=1e-7
        )


@each
def test_equality_repr_and_pickle_are_by_the_call(case):
    a, b = case.make(adamx), case.make(adamx)
    assert a == b
    assert hash(a) == hash(b)
    assert a != adamx.constant_schedule(0.7)
    assert pickle.loads(pickle.dumps(b)) == a
    assert repr(a).startswith(a.call.builder.__name__ + "(")
    assert evaluate(repr(a), SCHEDULES, "schedule") == a


@each
def test_equal_schedules_share_what_is_compiled(case):
    traces = 0

    @functools.partial(jax.jit, static_argnums=0)
    def step(tx, grads, state):
        nonlocal traces
        traces += 1
        return tx.update(grads, state)

    for _ in range(2):
        tx = adamx.sgd(case.make(adamx))
        state = tx.init(jnp.ones(3))
        for _ in range(2):
            _, state = step(tx, jnp.ones(3), state)
    assert traces == 1


@pytest.mark.parametrize(
    ("builder", "name", "values"),
    [
        (adamx.sgd, "learning_rate", (0.1, 0.5)),
        (adamx.sgd, "momentum", (0.9, 0.5)),
        (adamx.adamw, "learning_rate", (0.1, 0.5)),
        (adamx.adamw, "b1", (0.9, 0.5)),
        (adamx.adamw, "b2", (0.9, 0.5)),
        (adamx.adamw, "eps", (1e-2, 1.0)),
        (adamx.adamw, "weight_decay", (0.1, 0.5)),
        (adamx.rmsprop, "decay", (0.9, 0.5)),
        (adamx.clip_by_global_norm, "max_norm", (1.0, 0.5)),
    ],
)
def test_any_hyperparameter_can_be_scheduled(builder, name, values):
    """As long as the value is the first one nothing differs; then it does."""
    first, second = values
    falling = adamx.join_schedules(
        [adamx.constant_schedule(first), adamx.linear_schedule(second, second, 5)], [3]
    )
    given = {"learning_rate": 0.1, name: first}
    if builder is adamx.clip_by_global_norm:
        del given["learning_rate"]
    number, scheduled = builder(**given), builder(**{**given, name: falling})
    params = jnp.array([1.0, -2.0, 3.0])
    a, b = number.init(params), scheduled.init(params)
    for t in range(5):
        g = jnp.array([1.0, 0.5, -2.0]) * (t + 1)
        u, a = number.update(g, a, params)
        v, b = scheduled.update(g, b, params)
        same = np.allclose(u, v, rtol=4 * EPS, atol=0)
        # The last rate of a momentum is seen a step after.
        assert same if t < 3 else not same or t == 3


def test_learning_rate_is_the_schedule_to_the_last_digit():
    rate = adamx.warmup_cosine_decay_schedule(0.0, RATE, 3, 9)
    tx = adamx.sgd(rate)
    state = tx.init(jnp.ones(()))
    for t in range(11):
        update, state = tx.update(jnp.ones(()), state)
        close(update, -np.asarray(rate(t)), 2 * EPS)


def test_traced_values_are_taken():
    @jax.jit
    @jax.vmap
    def last(peak):
        tx = adamx.sgd(adamx.warmup_cosine_decay_schedule(0.0, peak, 1, 9))
        state = tx.init(peak)
        _, state = tx.update(jnp.ones(()), state)
        return tx.update(jnp.ones(()), state)[0]

    np.testing.assert_allclose(last(jnp.array([0.1, 0.2])), [-0.1, -0.2], rtol=EPS)


# Properties

values = st.floats(-10, 10, width=32, allow_subnormal=False)
sizes = st.floats(1e-6, 10)
steps = st.one_of(st.integers(1, 200), st.integers(1, END))
begins = st.one_of(st.integers(0, 100), st.integers(0, END))
props = settings(max_examples=30, deadline=None)


def around(*boundaries):
    """Counts at and around boundaries, and between, in order."""
    found = {0, END, *NEAR}
    for b in boundaries:
        found |= {b + d for d in range(-3, 4)} | {b // 2, b // 3}
    counts = sorted(t for t in found if 0 <= t <= END)
    # Of one length, so that nothing is compiled anew for each example.
    return int32(counts + counts[-1:] * (180 - len(counts)))


@props
@given(values, values, steps, begins, st.sampled_from([1.0, 2.0, 3.0]))
def test_polynomials_are_monotone_and_stay_between_their_ends(a, b, n, begin, p):
    rate = adamx.polynomial_schedule(a, b, p, n, begin)
    found = np.asarray(rate(around(begin, begin + n)))
    down = np.diff(found) * np.sign(b - a)
    assert (down >= 0).all()
    low, high = np.float32(min(a, b)), np.float32(max(a, b))
    assert found.min() >= low
    assert found.max() <= high
    assert float(rate(0)) == np.float32(a)
    if begin + n <= END:
        assert float(rate(begin + n)) == np.float32(b)


@props
@given(values, values, values, st.integers(0, 10**6), steps)
def test_warmup_cosine_meets_its_values(a, peak, end, warmup, n):
    total = min(warmup + n, END)
    rate = adamx.warmup_cosine_decay_schedule(a, peak, warmup, total, end)
    assert float(rate(warmup)) == np.float32(peak)
    assert float(rate(total)) == float(rate(END)) == np.float32(end)
    found = np.asarray(rate(around(warmup, total)))
    bounds = np.array([a, peak, end], np.float32)
    assert found.min() >= bounds.min()
    assert found.max() <= bounds.max()


@props
@given(
    sizes,
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(1, 300),
    st.sampled_from(["linear", "cosine", "1-sqrt"]),
)
def test_stable_decay_rises_stays_and_falls(peak, warmup, stable, decay, kind):
    rate = adamx.warmup_stable_decay_schedule(
        0.0, peak, warmup, stable, decay, decay_type=kind
    )
    total = warmup + stable + decay
    found = np.asarray(rate(int32(np.arange(902))))
    top = np.float32(peak)
    assert (np.diff(found[: warmup + 1]) >= 0).all()
    assert (found[warmup : warmup + stable + 1] == top).all()
    # A sine is right to a unit, and so not monotone to the last one.
    assert (np.diff(found[warmup:]) <= 2 * EPS * top).all()
    assert (found[total:] == 0).all()


@props
@given(
    sizes,
    steps,
    st.floats(0.01, 100),
    begins,
    st.booleans(),
    st.one_of(st.none(), sizes),
)
def test_exponentials_are_monotone_and_finite(start, n, rate, begin, stairs, end):
    decay = adamx.exponential_decay(start, n, rate, begin, stairs, end)
    found = np.asarray(decay(around(begin, begin + n)))
    assert np.isfinite(found).all()
    assert (np.sign(rate - 1) * np.diff(found) >= -2 * EPS * found[1:]).all()
    if end is not None:
        beyond = found - np.float32(end)
        assert (beyond >= 0).all() if rate < 1 else (beyond <= 0).all()


@props
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
    st.lists(values, min_size=6, max_size=6),
)
def test_joined_schedules_follow_each_other(lengths, heights):
    """Each part alone, from its boundary on; continuous where its parts meet."""
    ends = [int(b) for b in np.cumsum(lengths)]
    pieces = [*zip(heights, heights[1:], lengths, strict=False)]
    parts = [adamx.linear_schedule(a, b, n) for a, b, n in pieces]
    parts.append(adamx.constant_schedule(heights[len(lengths)]))
    rate = adamx.join_schedules(parts, ends)
    for begin, part in zip([0, *ends], parts, strict=True):
        assert float(rate(begin)) == float(part(0))
        assert float(rate(begin)) == np.float32(heights[[0, *ends].index(begin)])
    jumps = np.abs(np.diff(np.asarray(rate(int32(np.arange(252))))))
    slope = max(abs(a - b) / n for a, b, n in pieces)
    assert jumps.max() <= slope + 4 * EPS * max(map(abs, heights))


@props
@given(
    st.dictionaries(
        st.integers(0, END),
        # Five of them make no number that float32 has not in full.
        st.just(0.0) | st.floats(0.0625, 4, width=32),
        max_size=5,
    )
)
def test_boundaries_are_compared_as_integers(scales):
    rate = adamx.piecewise_constant_schedule(1.0, scales)
    line = adamx.piecewise_interpolate_schedule("linear", 1.0, scales)
    value = 1.0
    for boundary, scale in sorted(scales.items()):
        if boundary:
            assert float(rate(boundary - 1)) == np.float32(value)
        value *= scale
        assert float(rate(boundary)) == float(line(boundary)) == np.float32(value)


# Arguments

untyped: Any = adamx
"""For calls that a type checker would refuse, as it should."""

WRONG = [
    (lambda: untyped.linear_schedule(1, 0, 0), "transition_steps"),
    (lambda: untyped.linear_schedule(1, 0, -5), "transition_steps"),
    (lambda: untyped.linear_schedule(1, 0, 2.5), "transition_steps"),
    (lambda: untyped.linear_schedule(1, 0, 2**31), "transition_steps"),
    (lambda: untyped.linear_schedule(1, 0, True), "transition_steps"),
    (lambda: untyped.linear_schedule(1, 0, jnp.int32(5)), "transition_steps"),
    (lambda: untyped.linear_schedule("1", 0, 5), "init_value"),
    (lambda: untyped.linear_schedule(None, 0, 5), "init_value"),
    (lambda: untyped.linear_schedule(1, math.nan, 5), "end_value"),
    (lambda: untyped.linear_schedule(jnp.ones(2), 0, 5), "init_value"),
    (lambda: untyped.linear_schedule(1, 0, 5, -1), "transition_begin"),
    (lambda: untyped.linear_schedule(lambda t: t, 0, 5), "init_value"),
    (lambda: untyped.polynomial_schedule(1, 0, -1, 5), "power"),
    (lambda: untyped.cosine_decay_schedule(1, 0), "decay_steps"),
    (lambda: untyped.cosine_decay_schedule(1, 9, exponent=-1), "exponent"),
    (lambda: untyped.exponential_decay(1, 0, 0.5), "transition_steps"),
    (lambda: untyped.exponential_decay(1, 5, 0), "decay_rate"),
    (lambda: untyped.exponential_decay(1, 5, -1), "decay_rate"),
    (lambda: untyped.warmup_cosine_decay_schedule(0, 1, 5, 5), "nothing is left"),
    (lambda: untyped.warmup_cosine_decay_schedule(0, 1, -1, 5), "warmup_steps"),
    (lambda: untyped.warmup_constant_schedule(0, 1, -1), "warmup_steps"),
    (lambda: untyped.warmup_inverse_sqrt_schedule(0, 1, 0), "warmup_steps"),
    (lambda: untyped.inverse_sqrt_schedule(1, 0), "transition_steps"),
    (lambda: untyped.inverse_time_decay_schedule(1, -0.5), "decay_rate"),
    (lambda: untyped.inverse_time_decay_schedule(1, 0.5, 0), "transition_steps"),
    (lambda: untyped.linear_onecycle_schedule(9, 1, 0.5, 0.2), "pct_final"),
    (lambda: untyped.cosine_onecycle_schedule(9, 1, 1.5), "pct_start"),
    (lambda: untyped.cosine_onecycle_schedule(9, 1, jnp.float32(0.5)), "pct_start"),
    (lambda: untyped.cosine_onecycle_schedule(9, 1, div_factor=0), "div_factor"),
    (lambda: untyped.piecewise_constant_schedule(1, {-1: 0.5}), "a boundary"),
    (lambda: untyped.piecewise_constant_schedule(1, {5: -0.5}), r"\[5\]"),
    (lambda: untyped.piecewise_constant_schedule(1, [5]), "a dict"),
    (lambda: untyped.piecewise_interpolate_schedule("cosin", 1, {5: 1}), "'cosine'"),
    (
        lambda: untyped.warmup_stable_decay_schedule(0, 1, 1, 1, 1, decay_type="sqrt"),
        "'1-sqrt'",
    ),
    (lambda: untyped.join_schedules([], []), "empty"),
    (lambda: untyped.join_schedules([jnp.sin, jnp.cos], [5, 9]), "fit together"),
    (lambda: untyped.join_schedules([jnp.sin] * 3, [9, 5]), "not in order"),
    (lambda: untyped.join_schedules([jnp.sin, 0.1], [5]), "constant_schedule"),
    (lambda: untyped.sgdr_schedule([]), "cosine_kwargs"),
    (lambda: untyped.sgdr_schedule([{"peak_value": 1}]), r"cosine_kwargs\[0\]"),
    (lambda: untyped.sgdr_schedule([cycle_of(5), cycle_of(0)]), r"\[1\]"),
]


def cycle_of(steps):
    values = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 0}
    return {**values, "decay_steps": steps}


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_what_cannot_be_is_refused_when_it_is_built(call, message):
    with pytest.raises(adamx.TransformError, match=message) as error:
        call()
    assert "expected:" in str(error.value)
    assert "got:" in str(error.value)


def test_integers_given_as_floats_are_integers():
    assert untyped.linear_schedule(1, 0, 1e3) == untyped.linear_schedule(1, 0, 1000)
    assert untyped.linear_schedule(1, 0, np.int64(9)) == untyped.linear_schedule(
        1, 0, 9
    )


def test_sequences_are_kept_as_they_were():
    boundaries = [5]
    rate = untyped.join_schedules([lambda t: 1.0, lambda t: 2.0], boundaries)
    cycles = (cycle_of(n) for n in (2, 4))
    restarts = untyped.sgdr_schedule(cycles)
    boundaries[0] = 1
    assert float(rate(3)) == 1.0
    assert restarts == untyped.sgdr_schedule([cycle_of(2), cycle_of(4)])


# Text and pictures


@pytest.mark.parametrize("length", [12, 10**6, END])
def test_plot_draws_the_values(length):
    rate = adamx.linear_schedule(1.0, 0.0, 10)
    ax = schedules.plot(rate, length)
    (line,) = ax.lines
    counts, found = line.get_data()
    assert counts[0] == 0
    assert counts[-1] == length
    assert len(counts) <= 2001
    np.testing.assert_allclose(found, rate(int32(counts)), rtol=2 * EPS)
    assert line.get_label() == "linear_schedule(1.0, 0.0, 10)"
    assert schedules.plot(lambda t: 1.0, 5, ax) is ax
    assert len(ax.lines) == 2


def test_public_names_are_those_of_the_package():
    here = {name for name, x in vars(schedules).items() if is_schedule_builder(x)}
    above = {name for name, x in public_names().items() if is_schedule_builder(x)}
    assert here == above


def test_optax_names_and_arguments():
    """All of Optax's schedules, with its arguments first, in its order."""
    import optax

    theirs = {
        name: thing
        for name, thing in vars(optax.schedules).items()
        if inspect.isfunction(thing) and not name.startswith("inject")
    }
    assert len(theirs) == 14
    for name, builder in theirs.items():
        parameters = inspect.signature(builder).parameters
        ours = [*inspect.signature(SCHEDULES[name]).parameters.values()]
        for p, o in zip(parameters.values(), ours, strict=False):
            assert (p.name, p.default) == (o.name, o.default)
        extra = ours[len(parameters) :]
        assert all(o.kind is o.KEYWORD_ONLY for o in extra)
