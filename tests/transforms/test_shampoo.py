"""Inverse roots, and Shampoo's at their edges."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.linalg.inverse_root import METHODS, NEWTON_STEPS, inverse_root
from adamx.linalg.kronecker import block_lengths, in_blocks, out_of_blocks
from adamx.testing import LAWS, NotTried, Subject
from tests.matrices import (
    CONDITIONS,
    ODD,
    check_it_stays,
    check_odd_matrices,
    each_condition,
    normal,
    symmetric,
)
from tests.tiers import full

ROOTS: list[Any] = sorted(METHODS)


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("p", [2, 3, 4, 8])
@each_condition
def test_roots_are_those_of_the_eigenvalues(x64, condition, p, method):
    a, sizes, q = symmetric(condition)
    found = inverse_root(jnp.asarray(3.0 * a), p, 0.0, method)
    expected = (q * (3.0 * sizes) ** (-1 / p)) @ q.T
    # An eigenvalue is off by the rounding of the largest, for each of six products; the
    # smallest changes by `condition` of that, and its root by one p-th.
    away = 6 * 2.3e-16 * condition / p + 1e-14
    size = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=away * size)


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("eps", [1e-6, 1e-3])
def test_the_ridge_is_relative_to_the_norm(x64, eps, method):
    v = np.array([1.0, 2.0, 2.0])
    found = inverse_root(jnp.asarray(1e10 * np.outer(v, v)), 4, eps, method)
    along = np.outer(v, v) / 9
    size = 9e10
    expected = (size * (1 + eps)) ** -0.25 * along
    expected += (size * eps) ** -0.25 * (np.eye(3) - along)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * size**-0.25)


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_root_of_zero_is_the_identity(n, method):
    found = inverse_root(jnp.zeros((2, n, n)), 4, 1e-6, method)
    np.testing.assert_array_equal(found, np.stack([np.eye(n)] * 2))


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_root_of_what_is_no_number_is_none(bad, method):
    a = jnp.stack([4.0 * jnp.eye(3), jnp.full((3, 3), bad)])
    found = inverse_root(a, 2, 0.0, method)
    np.testing.assert_allclose(found[0], 0.5 * np.eye(3), rtol=1e-6)
    assert not bool(jnp.isfinite(found[1]).any())


@pytest.mark.parametrize("method", ROOTS)
@pytest.mark.parametrize("size", [1e-45, full(1e-37), full(1e37), 3e38])
@pytest.mark.parametrize("p", [2, 4])
def test_roots_of_the_largest_and_smallest_numbers(p, size, method):
    for a in (jnp.full((4, 4), size), size * jnp.eye(4)):
        found = inverse_root(a, p, 1e-6, method)
        assert bool(jnp.isfinite(found).all())
        assert bool(jnp.any(found))


def test_newton_takes_as_many_steps_as_its_slowest_matrix_needs(x64):
    """Each matrix of a batch ends where it would alone."""
    several = jnp.stack([jnp.asarray(symmetric(c)[0]) for c in CONDITIONS])
    together = inverse_root(several, 4, 0.0, "newton")
    for a, found in zip(several, together, strict=True):
        np.testing.assert_allclose(found, inverse_root(a, 4, 0.0, "newton"), rtol=1e-9)
    # (1 + 1/p)ᵖ is 9/4 at the least: from 1e-16 to near one in 46 steps.
    assert np.log(1e16) / np.log(9 / 4) + 10 < NEWTON_STEPS


def test_derivatives_take_a_root_as_given():
    for method in ROOTS:
        slope = jax.grad(lambda a, m=method: inverse_root(a, 4, 1e-6, m).sum())
        np.testing.assert_array_equal(slope(jnp.eye(3)), 0)


@pytest.mark.parametrize(
    ("shape", "lengths"),
    [
        ((4096, 1024), (1024, 1024)),
        ((1025, 8), (513, 8)),
        ((20000, 3), (20000, 3)),
        ((0, 3), (0, 3)),
    ],
)
def test_a_side_is_split_into_the_fewest_equal_blocks(shape, lengths):
    assert block_lengths(shape, 1024, 10000) == lengths


@pytest.mark.parametrize("shape", [(5, 7), (2, 6, 4), (3, 3)])
def test_blocks_are_put_together_again(shape):
    x = normal(shape)
    blocks = in_blocks(x, block_lengths(shape, 3, 100))
    assert blocks.shape[-2] <= 3
    assert blocks.shape[-1] <= 3
    np.testing.assert_array_equal(out_of_blocks(blocks, shape), x)


def test_each_block_is_a_matrix_of_its_own():
    g = normal((4, 6))
    tx = adamx.scale_by_shampoo(block_size=3, graft=None)
    u, _ = tx.update(g, tx.init(g))
    for rows in (slice(2), slice(2, 4)):
        for cols in (slice(3), slice(3, 6)):
            part = g[rows, cols]
            alone, _ = tx.update(part, tx.init(part))
            np.testing.assert_allclose(u[rows, cols], alone, rtol=1e-4, atol=1e-5)


def test_a_long_side_has_factors_of_the_size_of_a_block():
    leaf = jax.ShapeDtypeStruct((4096, 1536), jnp.float32)
    kept = roots(jax.eval_shape(adamx.scale_by_shampoo().init, leaf))["factors"]
    assert kept["left"].shape == (4, 2, 1024, 1024)
    assert kept["right"].shape == (4, 2, 768, 768)


def roots(state):
    return state["scale_by_shampoo"]["roots"]["kronecker_roots"]


@pytest.mark.parametrize("every", [1, 3, 10])
def test_roots_are_new_in_the_first_k_steps_and_each_kth_in_one_trace(every):
    tx, traces = adamx.scale_by_shampoo(precondition_frequency=every), 0
    state, made = tx.init(jnp.ones((4, 5))), []

    @jax.jit
    def update(g, state):
        nonlocal traces
        traces += 1
        return tx.update(g, state)

    for t in range(1, 24):
        before = roots(state)["roots"]
        _, state = update(normal((4, 5), t), state)
        same = jax.tree.map(jnp.array_equal, before, roots(state)["roots"])
        if not jax.tree.all(same):
            made.append(t)
    assert made == [t for t in range(1, 24) if t <= every or t % every == 1 % every]
    assert traces == 1


@pytest.mark.parametrize("graft", ["adam", "rmsprop", "adagrad", "sgd"])
def test_a_step_is_as_long_as_that_of_another(graft):
    others = {
        "adam": adamx.scale_by_adam(0.9, 0.99),
        "rmsprop": adamx.scale_by_rms(0.99, eps_in_sqrt=False, bias_correction=False),
        "adagrad": adamx.scale_by_rss(0.0, 1e-8, eps_in_sqrt=False),
        "sgd": adamx.identity(),
    }
    b1 = 0.9 if graft == "adam" else None
    other, tx = others[graft], adamx.scale_by_shampoo(b1, graft=graft)
    states = tx.init(jnp.zeros((2, 3, 4))), other.init(jnp.zeros((2, 3, 4)))
    for seed in range(3):
        g = normal((2, 3, 4), seed)
        u, first = tx.update(g, states[0])
        expected, second = other.update(g, states[1])
        states = first, second
        norms = (jnp.linalg.norm(x, axis=(-2, -1)) for x in (u, expected))
        np.testing.assert_allclose(*norms, rtol=1e-5)


@pytest.mark.parametrize(
    ("stacked", "root_method", "graft"),
    [
        ("loop", "newton", "adam"),
        # With these every two choices meet.
        full(None, "eigh", None),
        full(None, "eigh", "adam"),
        full(None, "newton", "sgd"),
        full("loop", "eigh", "sgd"),
        full("loop", "newton", None),
    ],
)
def test_odd_matrices(stacked, root_method, graft):
    direction = adamx.scale_by_shampoo(
        graft=graft,
        root_method=root_method,
        precondition_frequency=1,
        stacked=stacked,
    )
    # By default of `shampoo` a row or a column is a vector, and gets the graft's step.
    tx = adamx.chain(adamx.as_matrices(direction), adamx.scale(-1.0))
    u = check_odd_matrices(tx, steps=3)
    for name in ("rank one", "row", "column"):
        expected = -ODD[name] / np.linalg.norm(ODD[name])
        got = u[name] / jnp.linalg.norm(u[name])
        # Rounding in directions that were never seen grows by ε^(−1/2) = 1,000.
        away = 5 * 1000 * 2**-24
        np.testing.assert_allclose(got, expected, atol=away)
        if graft is None:
            np.testing.assert_allclose(u[name], expected, atol=away)


@pytest.mark.parametrize("stacked", [None, "loop", "vmap"])
def test_a_nan_stays_in_its_matrix(stacked):
    tx = adamx.scale_by_shampoo(stacked=stacked)
    check_it_stays(tx, shown=jnp.all, rtol=1e-3)


@pytest.mark.parametrize("exponent", [None, 2])
@pytest.mark.parametrize("graft", ["adam", "sgd", None])
def test_old_roots_and_a_new_size(graft, exponent):
    """Roots of gradients of 1e-18 are large; those of 1e30 come before they are new."""
    tx = adamx.scale_by_shampoo(
        precondition_frequency=2, graft=graft, exponent_override=exponent
    )
    state = tx.init(jnp.zeros((3, 4)))
    for t, size in enumerate((0.0, 1e-18, 1e-18, 1e30, 1e-45, 1e30)):
        u, state = tx.update(size * normal((3, 4), t), state)
        assert bool(jnp.isfinite(u).all()), size


def test_a_row_is_whitened_like_a_vector():
    """R^(−1/2), the full matrix of Adagrad: not to half of that, as of two sides."""
    g = normal((1, 5))
    tx = adamx.scale_by_shampoo(graft=None, matrix_eps=1e-3)
    u, state = tx.update(g, tx.init(g))
    np.testing.assert_allclose(u, g / jnp.linalg.norm(g) / 1.001**0.5, rtol=1e-4)
    assert sorted(roots(state)["factors"]) == ["right"]


@pytest.mark.parametrize(
    ("largest", "there"), [(9, ["left", "right"]), (4, ["left"]), (3, [])]
)
def test_a_side_that_is_too_long_has_no_factor(largest, there):
    tx = adamx.scale_by_shampoo(max_precond_dim=largest)
    g = normal((4, 5))
    u, state = tx.update(g, tx.init(g))
    assert sorted(roots(state)["factors"] or []) == there
    if not there:
        plain = adamx.scale_by_adam(0.9, 0.99)
        np.testing.assert_allclose(u, plain.update(g, plain.init(g))[0], rtol=1e-6)


def test_a_number_may_have_no_factor():
    """Shampoo's transform of vectors has none; a matrix of one number is among them."""
    params = {"number": jnp.float32(2.0), "matrix": jnp.eye(2)}
    tx = adamx.as_matrices(adamx.scale_by_shampoo())
    updates, _ = tx.update(params, tx.init(params), params)
    plain = adamx.scale_by_shampoo()
    alone, _ = plain.update(jnp.ones(1), plain.init(jnp.ones(1)), jnp.ones(1))
    np.testing.assert_allclose(updates["number"], alone[0], rtol=1e-6)


def test_complex_matrices():
    g = normal((3, 4)) + 1j * normal((3, 4), 1)
    for method in ROOTS:
        tx = adamx.scale_by_shampoo(graft=None, matrix_eps=0.0, root_method=method)
        u, _ = tx.update(g, tx.init(g))
        x, _, y = np.linalg.svd(g, full_matrices=False)
        # The fourth root of a rounding error that is the least eigenvalue of R.
        np.testing.assert_allclose(u, x @ y, atol=1e-3)


def test_other_leaves_get_the_step_whose_norm_is_taken():
    params = {"w": normal((3, 4)), "head": normal((4, 5)), "b": normal((4,))}
    tx = adamx.shampoo(0.1, matrices=lambda path, leaf: path == "w")
    u, _ = tx.update(params, tx.init(params), params)
    for name in ("head", "b"):
        np.testing.assert_allclose(u[name], -0.1 * jnp.sign(params[name]), rtol=1e-5)
    tx = adamx.shampoo(0.1, rest=adamx.sgd(0.5))
    u, state = tx.update(params, tx.init(params), params)
    np.testing.assert_allclose(u["b"], -0.5 * params["b"])
    assert sorted(state["split"]) == ["matrices"]


@pytest.mark.parametrize("graft", ["adam", "rmsprop"])
def test_sums_have_no_average_beside_them(graft):
    with pytest.raises(adamx.TransformError, match="adagrad"):
        adamx.shampoo(0.1, b2=None, graft=graft)


ORIGINAL = adamx.chain(
    adamx.as_matrices(
        adamx.scale_by_shampoo(
            None,
            None,
            matrix_eps=0.0,
            graft=None,
            precondition_frequency=1,
            initial_accumulator_value=1e-4,
        )
    ),
    adamx.scale(-0.1),
)


@pytest.mark.full
@pytest.mark.parametrize("tx", [ORIGINAL, adamx.shampoo(0.1, graft="sgd")], ids=repr)
@pytest.mark.parametrize("law", ["finite", "norms", "fixed_point", "differentiable"])
def test_laws_of_other_forms(tx, law):
    (chosen,) = (entry for entry in LAWS if entry.name == law)
    try:
        chosen.check(Subject.of(tx))
    except NotTried as reason:
        pytest.skip(str(reason))
