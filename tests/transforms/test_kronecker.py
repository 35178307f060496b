"""Kronecker factors: their eigenvectors, and what is done in those."""

import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.linalg.eigen import eigenvectors, turned_eigenvectors
from tests.matrices import (
    CONDITIONS,
    ODD,
    check_it_stays,
    check_odd_matrices,
    each_condition,
    normal,
    refresh_steps,
    symmetric,
)
from tests.tiers import full


@each_condition
def test_eigenvectors_are_those_of_the_matrix(x64, condition):
    a, sizes, _ = symmetric(condition)
    q = np.asarray(eigenvectors(jnp.asarray(a)))
    np.testing.assert_allclose(q.T @ q, np.eye(6), atol=1e-14)
    # Rounding a matrix of norm 1 is an error of 2⁻⁵³ in each of its numbers.
    np.testing.assert_allclose(q.T @ a @ q, np.diag(sizes), atol=1e-15 * 6)


@pytest.mark.parametrize("condition", CONDITIONS[1:])
def test_turning_again_and_again_ends_at_the_eigenvectors(x64, condition):
    a, sizes, _ = symmetric(condition)
    q = jnp.eye(6)
    for _ in range(40):
        q, _ = turned_eigenvectors(jnp.asarray(a), q)
    # Each step takes away all but the ratio of neighbouring eigenvalues.
    left = (sizes[1] / sizes[0]) ** 40
    np.testing.assert_allclose(q.T @ a @ q, np.diag(sizes), atol=left + 1e-14)


def test_the_order_is_that_of_estimated_eigenvalues():
    a = jnp.diag(jnp.array([1.0, 9.0, 4.0]))
    q, order = turned_eigenvectors(a, jnp.eye(3))
    assert order.tolist() == [1, 2, 0]
    np.testing.assert_allclose(q, np.eye(3)[:, [1, 2, 0]], atol=1e-6)


def test_nothing_turns_towards_zero():
    _, _, q = symmetric(10.0, 3)
    q = jnp.asarray(q, jnp.float32)
    turned, order = turned_eigenvectors(jnp.zeros((3, 3)), q)
    np.testing.assert_allclose(turned[:, jnp.argsort(order)], q, atol=1e-6)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_eigenvectors_of_what_is_no_number_are_none(bad):
    a = jnp.stack([jnp.eye(3), jnp.full((3, 3), bad)])
    for q in (eigenvectors(a), turned_eigenvectors(a, jnp.stack([jnp.eye(3)] * 2))[0]):
        assert bool(jnp.isfinite(q[0]).all())
        assert not bool(jnp.isfinite(q[1]).any())


def kept(state, name):
    return state["in_eigenbasis"][name]


@pytest.mark.parametrize("every", [1, 3, 10])
def test_the_basis_turns_every_k_steps_in_one_trace(every):
    changed = refresh_steps(
        lambda inner: adamx.in_eigenbasis(inner, precondition_frequency=every),
        lambda state: kept(state, "basis"),
    )
    assert changed == [1, *range(every + 1, 24, every)]


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4)])
def test_what_is_linear_does_not_see_the_basis(x64, shape):
    """An average turns with the basis, or it would be another one."""
    momentum = adamx.chain(adamx.scale_by_momentum(0.9), adamx.trace(0.5))
    tx = adamx.in_eigenbasis(momentum, precondition_frequency=2, skip_first=False)
    zero = jnp.zeros(shape)
    states = tx.init(zero), momentum.init(zero)
    for seed in range(9):
        g = jnp.asarray(normal(shape, seed), jnp.float64)
        found, mine = tx.update(g, states[0])
        expected, theirs = momentum.update(g, states[1])
        states = mine, theirs
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_factors_are_averages_of_both_squares():
    tx = adamx.in_eigenbasis(adamx.identity(), 0.75)
    state = tx.init(jnp.zeros((2, 3)))
    first, second = normal((2, 3), 1), normal((2, 3), 2)
    for g in (first, second):
        _, state = tx.update(g, state)
    for side, square in (("left", lambda g: g @ g.T), ("right", lambda g: g.T @ g)):
        expected = 0.75 * 0.25 * square(first) + 0.25 * square(second)
        np.testing.assert_allclose(kept(state, "factors")[side], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("largest", "sides"), [(9, ["left", "right"]), (4, ["left"]), (3, [])]
)
def test_a_side_that_is_too_long_keeps_its_basis(largest, sides):
    tx = adamx.scale_by_soap(max_precond_dim=largest, skip_first=False)
    g = normal((4, 5))
    u, state = tx.update(g, tx.init(g))
    assert sorted(kept(state, "factors") or []) == sides
    if not sides:
        plain = adamx.scale_by_adam(0.95, 0.95, eps_hat=True)
        np.testing.assert_allclose(u, plain.update(g, plain.init(g))[0], rtol=1e-6)


@pytest.mark.parametrize("skip_first", [True, False])
def test_the_first_update_is_none_unless_asked_for(skip_first):
    params = {"w": normal((3, 4)), "b": normal((4,), 1)}
    tx = adamx.scale_by_soap(skip_first=skip_first)
    state = tx.init(params)
    first, state = tx.update(params, state, params)
    second, _ = tx.update(params, state, params)
    for name in params:
        assert bool(jnp.any(first[name])) != skip_first
        assert bool(jnp.any(second[name]))


@pytest.mark.parametrize(("stacked", "skip_first"), [("loop", True), full(None, False)])
def test_odd_matrices(stacked, skip_first):
    direction = adamx.scale_by_soap(
        precondition_frequency=1, skip_first=skip_first, stacked=stacked
    )
    # By default of `soap` a row or a column is a vector, and gets Adam's step.
    tx = adamx.chain(adamx.as_matrices(direction), adamx.scale(-1.0))
    u = check_odd_matrices(tx)
    expected = -ODD["rank one"] / 15
    np.testing.assert_allclose(u["rank one"], expected, atol=1e-4)
    for name in ("row", "column"):
        along = ODD[name] / np.linalg.norm(ODD[name])
        np.testing.assert_allclose(u[name], -along, atol=1e-4)
    np.testing.assert_allclose(u["huge"], np.full((3, 4), -(12**-0.5)), 1e-4)


@pytest.mark.parametrize("stacked", [None, "loop", "vmap"])
def test_a_nan_stays_in_its_matrix(stacked):
    check_it_stays(adamx.scale_by_soap(precondition_frequency=1, stacked=stacked))


def test_complex_matrices():
    g = normal((3, 4)) + 1j * normal((3, 4), 1)
    tx = adamx.scale_by_soap(precondition_frequency=1, skip_first=False)
    u, state = tx.update(g, tx.init(g))
    # Adam's first step in the basis where the matrix is diagonal.
    x, _, y = np.linalg.svd(g, full_matrices=False)
    np.testing.assert_allclose(u, x @ y, atol=1e-4)
    for seed in range(3):
        u, state = tx.update(g * (seed + 1), state)
        assert jnp.isfinite(u).all()


def test_other_leaves_get_something_else():
    params = {"w": normal((3, 4)), "head": normal((4, 5)), "b": normal((4,))}
    tx = adamx.soap(
        0.1,
        weight_decay=0.0,
        matrices=lambda path, leaf: path == "w",
        rest=adamx.sgd(0.5),
    )
    u, state = tx.update(params, tx.init(params), params)
    assert not u["w"].any()
    for name in ("head", "b"):
        np.testing.assert_allclose(u[name], -0.5 * params[name])
    assert sorted(state["split"]) == ["matrices"]


def test_convolutions_are_matrices():
    params = {"kernel": normal((3, 3, 4, 8))}
    state = adamx.soap().init(params)
    found = state["split"]["matrices"]["as_matrices"]["in_eigenbasis"]
    shapes = {side: x["left"]["kernel"].shape for side, x in [("l", found["basis"])]}
    assert shapes == {"l": (36, 36)}


@pytest.mark.parametrize(
    "inner", [adamx.clip_by_global_norm(1.0), adamx.masked(adamx.sgd(0.1), True)]
)
def test_what_needs_a_whole_tree_is_refused(inner):
    with pytest.raises(adamx.TransformError, match="in_eigenbasis"):
        adamx.in_eigenbasis(inner)
