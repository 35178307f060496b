"""Singular directions: how they are found, and what is done in few of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.linalg.eigen import eigenvectors, singular_vectors
from tests.matrices import (
    ODD,
    check_it_stays,
    check_odd_matrices,
    each_condition,
    normal,
    refresh_steps,
)
from tests.problems import DIGITS, minimized

SHAPES = {"tall": (9, 6), "wide": (6, 9), "square": (6, 6)}


def of_condition(condition, shape, seed=0):
    """A matrix with singular values from 1 down, its vectors, and those values."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(n, 6)))[0] for n in shape)
    sizes = np.geomspace(1, 1 / condition, 6)
    return (left * sizes) @ right.T, right, sizes


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@each_condition
def test_singular_vectors_are_those_of_the_matrix(x64, condition, shape):
    a, right, sizes = of_condition(condition, shape)
    v = np.asarray(singular_vectors(jnp.asarray(a)))
    np.testing.assert_allclose(v.T @ v, np.eye(6), atol=1e-14)
    # Rounding a matrix of norm 1 is an error of 2⁻⁵³ in each of its numbers.
    np.testing.assert_allclose(np.linalg.norm(a @ v, axis=0), sizes, atol=1e-15 * 6)
    if condition > 1:
        gaps = np.abs(sizes[:, None] - sizes) + np.eye(6)
        found = np.abs(right.T @ v)
        np.testing.assert_allclose(found, np.eye(6), atol=6e-15 / gaps.min())


def test_small_directions_are_not_lost_as_they_are_in_squares():
    a, right, _ = of_condition(1e5, (6, 9))
    a = jnp.asarray(a, jnp.float32)

    def missed(v):
        """The largest sine of an angle between these and the first four directions."""
        inside = right[:, :4] @ (right[:, :4].T @ np.asarray(v, np.float64)[:, :4])
        return np.linalg.norm(v[:, :4] - inside, 2)

    # σ₄ is 10⁻³ of the largest: 2⁻²⁴ over that for these, over its square for those.
    assert missed(singular_vectors(a)) < 1e-3
    assert missed(eigenvectors(a.T @ a)) > 1e-2


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_small_changes_change_singular_vectors_little(shape):
    a, _, _ = of_condition(1e2, shape)
    change = np.asarray(normal(shape, 1)) * 1e-5
    one, other = (
        singular_vectors(jnp.asarray(x, jnp.float32)) for x in (a, a + change)
    )
    np.testing.assert_allclose(one, other, atol=1e-2)
    assert np.array_equal(one, singular_vectors(jnp.asarray(1024 * a, jnp.float32)))


def test_singular_vectors_of_many_and_of_complex_matrices():
    a = normal((2, 3, 5)) + 1j * normal((2, 3, 5), 1)
    v = singular_vectors(a)
    alone = jnp.stack([singular_vectors(x) for x in a])
    np.testing.assert_allclose(v, alone, atol=1e-5)
    product = a @ v
    squares = product.mT.conj() @ product
    sizes = np.linalg.svd(a, compute_uv=False) ** 2
    for square, size in zip(squares, sizes, strict=True):
        np.testing.assert_allclose(square, np.diag(size), atol=1e-4)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_singular_vectors_of_what_is_no_number_are_none(bad):
    v = singular_vectors(jnp.stack([jnp.eye(3, 2), jnp.full((3, 2), bad)]))
    assert bool(jnp.isfinite(v[0]).all())
    assert not bool(jnp.isfinite(v[1]).any())


def kept(state, name):
    return state["in_subspace"][name]


def shapes(tree):
    return jax.tree.map(jnp.shape, tree)


@pytest.mark.parametrize("every", [1, 3, 10])
def test_directions_change_every_k_steps_in_one_trace(every):
    changed = refresh_steps(
        lambda inner: adamx.in_subspace(inner, 2, every),
        lambda state: kept(state, "projector"),
    )
    assert changed == [*range(1, 24, every)]


def test_it_keeps_what_the_paper_says():
    leaf = jax.ShapeDtypeStruct((1024, 4096), jnp.float32)
    arrays = jax.tree.leaves(jax.eval_shape(adamx.galore(0.01, rank=128).init, leaf))
    numbers = sum(x.size for x in arrays if x.ndim > 1)
    assert numbers == 1024 * 128 + 2 * 128 * 4096
    # The rest is a count, and two numbers for each bias correction, of vectors too.
    assert sum(x.size for x in arrays if x.ndim < 2) == 9


@pytest.mark.parametrize(
    ("proj_type", "shape", "sides", "low"),
    [
        ("std", (4, 6), ["left"], (2, 6)),
        ("std", (6, 4), ["right"], (6, 2)),
        ("std", (3, 5, 5), ["right"], (3, 5, 2)),
        ("reverse_std", (4, 6), ["right"], (4, 2)),
        ("reverse_std", (2, 6), ["right"], (2, 2)),
        ("left", (6, 4), ["left"], (2, 4)),
        ("left", (2, 4), [], (2, 4)),
        ("right", (3, 4, 6), ["right"], (3, 4, 2)),
        ("full", (4, 6), ["left", "right"], (2, 2)),
        ("full", (2, 6), ["right"], (2, 2)),
        ("std", (2, 6), [], (2, 6)),
        ("std", (0, 6), [], (0, 6)),
        ("std", (6,), [], (6,)),
    ],
)
def test_which_side_gets_shorter(proj_type, shape, sides, low):
    tx = adamx.in_subspace(adamx.scale_by_momentum(0.9), 2, proj_type=proj_type)
    g = normal(shape)
    u, state = tx.update(g, tx.init(g))
    assert sorted(kept(state, "projector") or []) == sides
    assert kept(state, "scale_by_momentum")["mu"].shape == low
    assert u.shape == shape


@pytest.mark.parametrize("proj_type", ["std", "reverse_std", "left", "right", "full"])
@pytest.mark.parametrize("shape", [(4, 5), (2, 5, 3)])
def test_what_is_linear_emits_the_best_of_that_rank(proj_type, shape):
    tx = adamx.in_subspace(adamx.identity(), 2, proj_type=proj_type, scale=3.0)
    g = normal(shape)
    x, sizes, y = np.linalg.svd(g, full_matrices=False)
    best = (x[..., :2] * sizes[..., None, :2]) @ y[..., :2, :]
    np.testing.assert_allclose(tx.update(g, tx.init(g))[0], 3 * best, atol=1e-5)


def test_a_side_that_is_no_longer_than_the_rank_stays_whole():
    whole = adamx.scale_by_adam()
    tx = adamx.in_subspace(whole, 4, scale=0.25)
    params = {"w": normal((4, 6)), "b": normal((4,), 1)}
    u, _ = tx.update(params, tx.init(params))
    expected, _ = whole.update(params, whole.init(params))
    np.testing.assert_allclose(u["w"], 0.25 * expected["w"], rtol=1e-6)
    np.testing.assert_allclose(u["b"], expected["b"], rtol=1e-6)


def test_the_first_directions_are_those_of_the_first_gradient_that_is_some():
    tx = adamx.in_subspace(adamx.scale_by_adam(), 1, 100)
    zero, g = jnp.zeros((2, 3, 4)), normal((2, 3, 4))
    late, update = g.at[1].set(0), jax.jit(tx.update)
    state = tx.init(zero)
    for seen in (zero, late, 2 * g + 1):
        u, state = update(seen, state)
        has = jnp.any(seen != 0, (1, 2))
        assert jnp.array_equal(jnp.any(u != 0, (1, 2)), has)
    directions = kept(state, "projector")["left"]
    for i, made_of in enumerate((late[0], 2 * g[1] + 1)):
        expected = singular_vectors(made_of.T)[:, :1]
        np.testing.assert_allclose(directions[i], expected, atol=1e-5)


def test_what_is_outside_makes_no_step():
    """Of 10⁻⁷ of a gradient, its rounding, Adam would make a whole step."""
    across = np.linalg.qr(normal((40, 2)))[0]
    along = normal((50,), 1)
    tx = adamx.in_subspace(adamx.scale_by_adam(), 1, 100)
    first, second = (jnp.asarray(np.outer(v, along), jnp.float32) for v in across.T)
    _, state = tx.update(first, tx.init(first))
    adam = "scale_by_second_moment"
    state["in_subspace"][adam] = jax.tree.map(jnp.zeros_like, kept(state, adam))
    u, _ = tx.update(second, state)
    assert not u.any()


@pytest.mark.parametrize(("stacked", "proj_type"), [(None, "std"), ("loop", "full")])
def test_odd_matrices(stacked, proj_type):
    tx = adamx.galore(1.0, 1, 2, proj_type=proj_type, stacked=stacked)
    u = check_odd_matrices(tx, rtol=1e-6)
    if proj_type == "full":
        # Adam's first step of one number, along both vectors.
        expected = -ODD["rank one"] / 15
        np.testing.assert_allclose(u["rank one"], expected, atol=1e-4)
        expected = np.full((3, 4), -(12**-0.5))
        np.testing.assert_allclose(u["huge"], expected, 1e-4)


@pytest.mark.parametrize("stacked", [None, "loop", "vmap"])
def test_a_nan_stays_in_its_matrix(stacked):
    check_it_stays(adamx.scale_by_galore(1, 2, stacked=stacked))


def test_other_leaves_get_something_else():
    params = {"w": normal((3, 4)), "head": normal((4, 5)), "b": normal((4,))}
    tx = adamx.galore(
        0.1, 1, matrices=lambda path, leaf: path == "w", rest=adamx.sgd(0.5)
    )
    u, state = tx.update(params, tx.init(params), params)
    for name in ("head", "b"):
        np.testing.assert_allclose(u[name], -0.5 * params[name])
    assert np.linalg.matrix_rank(u["w"], 1e-5) == 1
    assert sorted(state["split"]) == ["matrices"]


@pytest.mark.parametrize(
    "inner",
    [
        adamx.clip_by_global_norm(1.0),
        adamx.adamw(0.1),
        adamx.scale_by_trust_ratio(),
        adamx.sophia(0.1),
    ],
)
def test_what_needs_more_than_gradients_is_refused(inner):
    with pytest.raises(adamx.TransformError, match="in_subspace"):
        adamx.in_subspace(inner)


@pytest.mark.full
def test_digits_are_read_through_few_directions():
    def build(rate):
        return adamx.galore(rate, 8, 50)

    assert minimized(build, DIGITS, jnp.array([1e-2])) <= DIGITS.target
