"""Some rows or columns of each matrix: which, and what becomes of the others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from tests.matrices import ODD, check_it_stays, check_odd_matrices, normal


def kept(state):
    return state["in_submatrix"]["trace"]


@pytest.mark.parametrize(
    ("shape", "fraction", "axis", "number"),
    [
        ((4, 8), 0.25, 0, 1),
        ((4, 8), 0.3, 0, 2),
        ((8, 4), 0.5, 1, 2),
        ((4, 4), 0.5, 1, 2),
        ((4, 8), 1.0, 0, 4),
        ((4, 8), 1e-3, 0, 1),
        ((5,), 0.25, 0, 5),
    ],
)
def test_how_many_of_which_side(shape, fraction, axis, number):
    tx = adamx.in_submatrix(adamx.scale(2.0), fraction, 0.5)
    g = normal(shape)
    u, state = tx.update(g, tx.init(g))
    across = jnp.any(u != 0, 1 - axis) if g.ndim > 1 else u != 0
    assert int(across.sum()) == number
    np.testing.assert_allclose(u, jnp.where(u != 0, 2 * g, 0))
    np.testing.assert_allclose(kept(state), jnp.where(u != 0, g / 2, g))


def test_what_is_not_seen_comes_together_until_it_is():
    tx = adamx.in_submatrix(adamx.identity(), 0.5, 0.25)
    g = jnp.array([[3.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    state, rows = tx.init(g), []
    for _ in range(4):
        u, state = tx.update(g, state)
        rows.append(u.tolist())
    # The sums are 4 and 3, 5 and 6, 9 and 4.5, 6.25 and 7.5.
    assert [[any(row) for row in u].index(True) for u in rows] == [0, 1, 0, 1]
    assert rows[1][1] == [2.0, 2.0, 2.0]
    assert rows[3][1] == [2.5, 2.5, 2.5]


def test_each_matrix_of_a_stack_chooses_its_own():
    tx = adamx.in_submatrix(adamx.orthogonalize("newton", 20), 0.5)
    g = normal((2, 3, 4, 6))
    u, state = tx.update(g, tx.init(g))
    for i in range(2):
        for j in range(3):
            alone, mine = tx.update(g[i, j], tx.init(g[i, j]))
            np.testing.assert_allclose(u[i, j], alone, atol=1e-5)
            np.testing.assert_allclose(kept(state)[i, j], kept(mine), atol=1e-6)


def test_what_is_chosen_is_orthogonal():
    u, _ = (tx := adamx.in_submatrix(adamx.orthogonalize("newton", 25), 0.5)).update(
        g := normal((6, 9)), tx.init(g)
    )
    chosen = u[jnp.any(u != 0, 1)]
    np.testing.assert_allclose(chosen @ chosen.T, np.eye(3), atol=1e-4)


def test_sums_that_overflow_are_still_compared():
    top = float(np.finfo(np.float32).max)
    g = jnp.full((2, 4), top / 2).at[1].multiply(1.5)
    tx = adamx.in_submatrix(adamx.scale_by_sign(), 0.5)
    u, _ = tx.update(g, tx.init(g))
    assert u.tolist() == [[0.0] * 4, [1.0] * 4]


def test_all_of_it_is_a_trace_and_muon():
    tx = adamx.dion2(0.1, 1.0, 0.9, weight_decay=0.0)
    trace = adamx.chain(adamx.trace(0.9), adamx.orthogonalize("dion2"))
    params = normal((4, 6))
    states = tx.init(params), trace.init(params)
    for seed in range(3):
        g = normal((4, 6), seed)
        found, mine = tx.update(g, states[0], params)
        expected, theirs = trace.update(g, states[1])
        states = mine, theirs
        np.testing.assert_allclose(found, -0.1 * 1.5**0.5 * expected, atol=1e-5)


@pytest.mark.parametrize("stacked", [None, "loop"])
def test_odd_matrices(stacked):
    tx = adamx.dion2(1.0, 0.5, weight_decay=0.0, stacked=stacked)
    # The sum of two gradients that are the largest there are overflows.
    check_odd_matrices(tx, {**ODD, "huge": ODD["huge"] / 4})


@pytest.mark.parametrize("stacked", [None, "loop", "vmap"])
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_what_is_no_number_stays_in_its_matrix_and_shows(stacked, bad):
    # In a row that would not have been chosen, but for that.
    least = int(jnp.argmin(jnp.abs(normal((3, 4), 1)).sum(1)))
    tx = adamx.in_submatrix(adamx.orthogonalize(), stacked=stacked)
    check_it_stays(tx, bad, least)


def test_derivatives_are_those_of_the_rows_that_are_chosen():
    tx = adamx.in_submatrix(adamx.scale(2.0), 0.5)
    g = jnp.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    slope = jax.grad(lambda g: tx.update(g, tx.init(g))[0].sum())(g)
    assert slope.tolist() == [[2.0] * 3, [0.0] * 3]


@pytest.mark.parametrize("fraction", [0.0, 1.5, True, "half", jnp.array(0.5), np.nan])
def test_a_fraction_is_a_python_number(fraction):
    with pytest.raises(adamx.TransformError, match="fraction"):
        adamx.dion2(0.1, fraction)


@pytest.mark.parametrize(
    "direction", [adamx.scale_by_momentum(0.9), adamx.clip_by_global_norm(1.0)]
)
def test_what_keeps_something_is_refused(direction):
    with pytest.raises(adamx.TransformError, match="in_submatrix"):
        adamx.in_submatrix(direction)
