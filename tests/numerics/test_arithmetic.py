"""Functions of one array, at the numbers where a plain formula goes wrong."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adamx.numerics import norms
from adamx.numerics.arithmetic import (
    abs_sq,
    clip_to_squarable,
    clipped,
    divisor,
    power,
    safe_divide,
    safe_sqrt,
)
from adamx.numerics.averages import (
    ema_weight_sum,
    is_refresh_step,
    mean_age,
    moving_average,
    next_count,
    running_mean,
)
from adamx.numerics.dtypes import cast_saturating
from adamx.numerics.norms import norm_of, shrunk, squares_of, total_norm
from adamx.numerics.products import inner_product

INF, NAN = float("inf"), float("nan")
LAST = np.iinfo(np.int32).max


def f32(*values):
    return jax.device_put(np.array(values, np.float32))


def test_the_square_of_a_complex_number_is_that_of_its_modulus():
    x = jax.device_put(np.array([3 + 4j, -2j, 1], np.complex64))
    assert abs_sq(x).tolist() == [25, 4, 1]


def test_what_is_to_be_squared_has_a_finite_sum_of_squares():
    bound = 2.0**47
    x = clip_to_squarable(f32(1e30, -INF, NAN, 3))
    np.testing.assert_array_equal(x, np.array([bound, -bound, NAN, 3], np.float32))
    assert bound**2 * 2.0**32 < np.finfo(np.float32).max
    z = clip_to_squarable(jax.device_put(np.array([1e30 - 1e30j], np.complex64)))
    assert z.tolist() == [bound - bound * 1j]


@pytest.mark.parametrize(("dtype", "top"), [("float16", 65504), ("bfloat16", 3.39e38)])
def test_a_cast_to_16_bits_makes_no_infinity(dtype, top):
    x = f32(3.4e38, -3.4e38, INF, 2, NAN)
    low = cast_saturating(x, dtype)
    assert low.dtype == dtype
    wanted = [top, -top, INF, 2, NAN]
    np.testing.assert_allclose(np.asarray(low, np.float32), wanted, rtol=1e-3)
    # Nothing is cut where all numbers of the old dtype are numbers of the new one.
    np.testing.assert_array_equal(
        cast_saturating(low, "float32"), np.asarray(low, np.float32)
    )


def test_a_clip_of_complex_numbers_bounds_the_modulus():
    z = clipped(jax.device_put(np.array([3 + 4j, 0, 0.1j], np.complex64)), 1.0)
    np.testing.assert_allclose(z, [0.6 + 0.8j, 0, 0.1j], rtol=1e-6)


def test_roots_and_ratios_have_finite_derivatives_at_zero():
    slope = jax.vmap(jax.grad(safe_sqrt))(f32(0, 4))
    assert slope.tolist() == [0, 0.25]
    least = np.finfo(np.float32).tiny
    by_both = jax.grad(lambda x, y: safe_divide(x, y), (0, 1))(*f32(0, least))
    assert np.isfinite(by_both).all()
    assert by_both[1] == 0


def test_a_divisor_is_one_for_what_is_too_small_and_shows_nan():
    x, usable = divisor(f32(0, 1e-39, 2, INF, NAN))
    np.testing.assert_array_equal(x, np.array([1, 1, 2, INF, NAN], np.float32))
    assert usable.tolist() == [False, False, True, True, True]


def test_counts_stop_at_the_end_of_their_integers():
    counts = jax.device_put(np.array([0, LAST - 1, LAST], np.int32))
    assert next_count(counts).tolist() == [1, LAST, LAST]


def test_a_refresh_is_due_at_the_first_step_and_each_kth_after_it():
    count = jax.device_put(np.arange(1, 8, dtype=np.int32))
    assert np.flatnonzero(is_refresh_step(count, 3)).tolist() == [0, 3, 6]


@pytest.mark.parametrize("decay", [0.9, 0.999, 0.999999])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_weights_of_an_average_are_right_to_the_last_digits(decay, count):
    ages = np.arange(1, count + 1)
    weights = decay ** (ages - 1)
    total, age = (
        ema_weight_sum(decay, jnp.int32(count)),
        mean_age(decay, jnp.int32(count)),
    )
    assert float(total) == pytest.approx((1 - decay) * weights.sum(), rel=1e-6)
    assert float(age) == pytest.approx((ages * weights).sum() / weights.sum(), rel=1e-6)


def test_powers_of_large_and_small_numbers_are_right_to_the_last_digits():
    x = np.array([1e-37, 1e-30, 0.3, 1, 7e30, 3.4e38], np.float32)
    for exponent in (-0.25, 0.5):
        right = x.astype(float) ** exponent
        np.testing.assert_allclose(power(f32(*x), exponent), right, rtol=2e-7)


def test_an_average_moves_towards_the_new_by_one_minus_its_decay():
    assert float(moving_average(f32(4), f32(8), 0.75)[0]) == 5
    assert float(running_mean(f32(4), f32(8), jnp.int32(4))[0]) == 5


@pytest.mark.parametrize("size", [1e-30, 1, 1e30])
def test_norms_are_those_of_all_numbers(size):
    real = f32(3 * size, 0)
    both = jax.device_put(np.array([1 + 2j, 2j], np.complex64)) * np.float32(size)
    found = [float(a) * float(b) / size for a, b in map(norm_of, (real, both))]
    assert found == pytest.approx([3, 3])
    sums = zip(squares_of(real), squares_of(both), strict=True)
    joined = total_norm(*map(jnp.stack, sums))
    assert float(joined) / size == pytest.approx(18**0.5)


BOTH_WAYS = [jax.jit(norms.at_once), jax.jit(norms.in_turn)]
"""To take the sums of squares: that of accelerators, and that of CPUs."""

SIZES = st.lists(st.floats(2.0**-126, 2.0**127, width=32), min_size=1, max_size=30)


@pytest.mark.parametrize("sums", BOTH_WAYS)
@given(SIZES, st.sampled_from([None, np.float64]))
@settings(max_examples=60, deadline=None)
def test_a_norm_is_exact_for_any_finite_numbers(sums, sizes, wide):
    with jax.enable_x64(wide is not None):
        found = sums(jnp.array(sizes + [0.0] * (30 - len(sizes)), jnp.float32))
        if wide is not None:
            found = norms.widened(found, wide)
        unit, rest = map(np.float64, norms.norm_of_squares(found))
    right = float(np.linalg.norm(np.array(sizes, np.longdouble)))
    assert unit * rest == pytest.approx(right, rel=4e-7)


@pytest.mark.parametrize("sums", BOTH_WAYS)
def test_a_norm_of_no_number_shows_and_zeros_have_no_slope(sums):
    def norm(*x):
        return math.prod(map(float, norms.norm_of_squares(sums(f32(*x)))))

    assert np.isnan(norm(np.nan, 1e38))
    assert np.isnan(norm(np.inf, 1))
    assert norm(0, 0) == 0

    def length(x):
        return jnp.prod(jnp.stack(norms.norm_of_squares(sums(x))))

    for x in (f32(0, 0), f32(3e-30, 4e-30), f32(3e30, 4e30)):
        unit = x / jnp.where(x.max() > 0, x.max(), 1) * 0.8
        assert jax.grad(length)(x).tolist() == pytest.approx(unit.tolist(), rel=1e-6)


def test_an_inner_product_is_of_one_array_with_the_conjugate_of_the_other():
    x = jax.device_put(np.array([1 + 2j, 3], np.complex64))
    assert float(inner_product([x, f32(2)], [x, f32(-1)])) == pytest.approx(14 - 2)


def test_a_clip_shrinks_what_is_longer_than_the_bound_and_nothing_else():
    for length, factor in [(5, 0.4), (2, 1), (1, 1)]:
        by, times = shrunk((f32(length), f32(1)), 2.0)
        assert float((times / by)[0]) == pytest.approx(factor)
