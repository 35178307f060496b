"""Matrices: how leaves are seen as them, and their orthogonal factors."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.linalg.newton_schulz import newton_schulz, orthogonalized
from tests.tiers import full

CONDITIONS = [1e0, 1e2, 1e4, 1e6, 1e8]
SHAPES = [(6, 9), (9, 6), (7, 7), (2, 3, 5, 4)]


def of_condition(condition, shape, seed=0):
    """Matrices with singular values from 1 down to 1/condition, and their SVD."""
    rng = np.random.default_rng(seed)
    small = min(shape[-2:])
    u = np.linalg.qr(rng.normal(size=(*shape[:-1], small)))[0]
    v = np.linalg.qr(rng.normal(size=(*shape[:-2], shape[-1], small)))[0]
    sizes = np.geomspace(1, 1 / condition, small)
    return u, sizes, v


def product(u, sizes, v):
    return (u * sizes) @ np.swapaxes(v, -2, -1)


def grown(sizes, method, steps):
    """What the polynomials make of singular values, one by one."""
    x = sizes / (method.margin * np.sqrt(np.sum(sizes**2)))
    for a, b, c in method.steps(steps):
        x = a * x + b * x**3 + c * x**5
    return x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(
    ("name", "steps"),
    [("standard", 5), ("dion", 5), ("you", 6), ("dion2", 5), ("polar_express", 9)],
)
def test_the_polynomials_act_on_singular_values(x64, name, steps, condition, shape):
    method = newton_schulz(name)
    u, sizes, v = of_condition(condition, shape)
    got = orthogonalized(jnp.asarray(product(u, sizes, v)), method, steps)
    expected = product(u, grown(sizes, method, steps), v)
    # Rounding the matrix is an error of 2⁻⁵³ at each singular value, the smallest too,
    # where the slope is largest; some ten of them are added up.
    assert np.abs(got - expected).max() <= 10 * 2**-53 * method.slope(steps) + 1e-14


@pytest.mark.parametrize("condition", CONDITIONS)
def test_enough_steps_end_at_the_factor_of_the_svd(x64, condition):
    method = newton_schulz("polar_express")
    u, sizes, v = of_condition(condition, (6, 9))
    got = orthogonalized(jnp.asarray(product(u, sizes, v)), method, 40)
    assert np.abs(got @ got.T - np.eye(6)).max() <= 1e-13
    # How far the factor turns when the matrix is rounded: 2⁻⁵³ · condition.
    assert np.abs(got - u @ v.T).max() <= 10 * 2**-53 * condition + 1e-13


@pytest.mark.parametrize(
    ("name", "steps", "condition", "low", "high"),
    [
        # What is least and largest of the polynomials between 0.01 and 1.
        ("standard", 5, 1e1, 0.681, 1.135),
        ("dion", 5, 1e1, 0.977, 1.032),
        ("you", 6, 1e1, 0.995, 1.001),
        ("dion2", 5, 1e1, 0.858, 1.142),
        ("polar_express", 5, 1e1, 0.870, 1.124),
        ("polar_express", 6, 1e1, 0.997, 1.002),
        # Of these, between 0.03 and 1.
        ("newton", 12, 3.0, 0.999, 1.001),
        ("taylor", 8, 3.0, 0.999, 1.001),
    ],
)
def test_usual_steps_end_near_one(name, steps, condition, low, high):
    method = newton_schulz(name)
    # Three terms, each rounded by up to 2⁻⁸, before two steps and their slopes.
    rounding = 3 * 2**-8 * np.prod([a for a, _, _ in method.steps(steps)[-2:]])
    for dtype, slack in ((None, 0.0), ("bfloat16", rounding)):
        x = product(*of_condition(condition, (32, 48)))
        got = orthogonalized(jnp.asarray(x, jnp.float32), method, steps, 1e-8, dtype)
        assert got.dtype == jnp.float32
        found = np.linalg.svd(np.asarray(got), compute_uv=False)
        assert low - slack <= found.min()
        assert found.max() <= high + slack


def test_the_six_steps_of_you_are_within_half_a_percent():
    """All along the interval, and not at the singular values of one matrix."""
    method = newton_schulz("you")
    sizes = np.geomspace(3e-3, 1, 100_001)
    for a, b, c in method.steps(6):
        sizes = a * sizes + b * sizes**3 + c * sizes**5
    assert 0.9955 <= sizes.min() <= 0.9957
    assert 0.9993 <= sizes.max() <= 1.0


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_pytorch_has_products_in_bfloat16(dtype):
    """In float64 it is compared exactly, in tests/specs/matrix.py."""
    torch = pytest.importorskip("torch")
    x = product(*of_condition(10.0, (32, 48)))
    w = torch.zeros(x.shape, requires_grad=True)
    w.grad = torch.tensor(x, dtype=torch.float32)
    torch.optim.Muon([w], lr=1.0, adjust_lr_fn="match_rms_adamw").step()
    got = directions(jnp.asarray(x, jnp.float32), dtype=dtype)
    theirs = -w.detach().numpy() / (0.2 * 48**0.5)
    # As above, of theirs and of ours, and a number of a matrix is no larger than its
    # largest singular value.
    rounding = 3 * 2**-8 * 3.4445**2 * (1 if dtype is None else 2)
    assert np.abs(got - theirs).max() <= rounding
    # Against random rounding the bound is a wide one.
    assert np.sqrt(np.mean((got - theirs) ** 2)) <= 0.05 * np.sqrt(np.mean(theirs**2))


def directions(g, **options):
    tx = adamx.orthogonalize(**options)
    return tx.update(g, tx.init(g))[0]


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("stacked", "eps"),
    [
        ("vmap", 1e-8),
        full(None, 0.0),
        full(None, 1e-8),
        full("loop", 0.0),
        full("loop", 1e-8),
        full("vmap", 0.0),
    ],
)
def test_odd_matrices(stacked, eps):
    one = np.outer([1.0, 2.0, 2.0], [3.0, 0.0, -4.0])
    g = {
        "zero": jnp.zeros((3, 4)),
        "rank one": jnp.asarray(one, jnp.float32),
        "row": jnp.arange(1.0, 6.0)[None],
        "column": jnp.arange(1.0, 6.0)[:, None],
        "empty": jnp.zeros((0, 4)),
        "no columns": jnp.zeros((4, 0)),
        "huge": jnp.full((3, 4), 3e38),
        "tiny": jnp.full((3, 4), 1e-37),
    }
    # Two of each kind, so that there is something to stack, the second turned round.
    both = {"first": g, "second": jax.tree.map(jnp.negative, g)}
    found = directions(
        both, ns_coeffs="polar_express", ns_steps=9, eps=eps, stacked=stacked
    )
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), found))
    for name in g:
        np.testing.assert_array_equal(found["first"][name], -found["second"][name])
    for u in (found["first"], jax.tree.map(jnp.negative, found["second"])):
        assert not u["zero"].any()
        np.testing.assert_allclose(u["rank one"], one / 15, atol=1e-4)
        for name in ("row", "column"):
            expected = g[name] / jnp.linalg.norm(g[name])
            np.testing.assert_allclose(u[name], expected, atol=1e-4)
        np.testing.assert_allclose(u["huge"], np.full((3, 4), 12**-0.5), atol=1e-4)
        if not eps:
            np.testing.assert_allclose(u["tiny"], u["huge"], atol=1e-4)


@pytest.mark.parametrize("stacked", [None, "loop", "vmap"])
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_nan_stays_in_its_matrix(stacked, bad):
    x = jnp.asarray(product(*of_condition(10.0, (3, 4))), jnp.float32)
    g = {f"w{i}": x for i in range(3)}
    g["w1"] = x.at[0, 0].set(bad)
    u = directions(g, stacked=stacked)
    assert jnp.isnan(u["w1"]).all()
    np.testing.assert_array_equal(u["w0"], u["w2"])
    assert jnp.isfinite(u["w0"]).all()


def test_complex_matrices_have_unitary_factors():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 6)) + 1j * rng.normal(size=(4, 6))
    u, _, v = np.linalg.svd(x, full_matrices=False)
    got = directions(jnp.asarray(x), ns_coeffs="polar_express", ns_steps=10)
    np.testing.assert_allclose(got, u @ v, atol=1e-5)


@pytest.mark.parametrize(
    "coefficients", ["jordan", (), (1.0, 2.0), 3.0, ((1.0, 2.0, 3.0), (1.0,)), "abc"]
)
def test_unknown_coefficients_are_refused(coefficients):
    with pytest.raises(adamx.TransformError, match="ns_coeffs"):
        adamx.orthogonalize(coefficients)


def test_coefficients_are_data():
    g = jnp.asarray(product(*of_condition(10.0, (3, 4))), jnp.float32)
    jordan = 3.4445, -4.7750, 2.0315
    for given in (jordan, [*jordan], (jordan,), (jordan, jordan)):
        np.testing.assert_array_equal(directions(g, ns_coeffs=given), directions(g))
    two = directions(g, ns_coeffs=(jordan, (1.5, -0.5, 0.0)), ns_steps=2)
    one = directions(g, ns_coeffs="standard", ns_steps=1)
    expected = 1.5 * one - 0.5 * one @ one.T @ one
    np.testing.assert_allclose(two, expected, atol=1e-5)


SEEN = {
    "number": ((), (1, 1)),
    "vector": ((5,), (1, 5)),
    "matrix": ((3, 4), (3, 4)),
    "layers": ((2, 3, 4), (2, 3, 4)),
    "convolution": ((3, 3, 4, 8), (36, 8)),
    "volume": ((2, 3, 3, 4, 8), (72, 8)),
    "empty": ((0, 4), (0, 4)),
}


@pytest.mark.parametrize("kind", SEEN)
def test_the_default_view(kind):
    shape, expected = SEEN[kind]
    view = adamx.matrix_view(kind, shape)
    x = jnp.arange(float(np.prod(shape))).reshape(shape)
    assert view.shape(shape) == view.see(x).shape == expected
    np.testing.assert_array_equal(view.back(view.see(x), shape), x)


def heads(path, shape):
    """The kernels of attention of Flax: (in, heads, size), and (heads, size, out)."""
    if path.endswith("out/kernel"):
        return adamx.MatrixView((), (0, 1), (2,))
    return adamx.MatrixView((), (0,), (1, 2))


def test_a_view_of_ones_own(x64):
    rng = np.random.default_rng(0)
    params = {
        "query": {"kernel": rng.normal(size=(8, 2, 3))},
        "out": {"kernel": rng.normal(size=(2, 3, 8))},
    }
    params = jax.tree.map(jnp.asarray, params)
    tx = adamx.as_matrices(adamx.orthogonalize(), heads)
    u, _ = tx.update(params, tx.init(params))
    for name, matrix in (("query", (8, 6)), ("out", (6, 8))):
        flat = params[name]["kernel"].reshape(matrix)
        found = u[name]["kernel"]
        assert found.shape == params[name]["kernel"].shape
        # Products of float64, whose rounding five steps of the quintic multiply by 485.
        rounding = 485 * 8 * 2**-53
        right = directions(flat)
        np.testing.assert_allclose(found.reshape(matrix), right, atol=rounding)


def test_each_matrix_of_a_stack_has_a_norm_of_its_own():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    x[1] *= 2.0**20
    tx = adamx.orthogonalize(stacked=None)
    u, _ = tx.update(jnp.asarray(x), tx.init(jnp.asarray(x)))
    for found, matrix in zip(u, x, strict=True):
        sizes = np.linalg.svd(found, compute_uv=False)
        assert sizes.min() > 0.6, sizes
        assert np.sum(found * matrix) > 0


def test_axes_in_another_order():
    x = jnp.arange(24.0).reshape(2, 3, 4)
    view = adamx.MatrixView((-1,), (1,), (0,))
    seen = view.see(x)
    assert seen.shape == (4, 3, 2)
    assert float(seen[3, 1, 0]) == float(x[0, 1, 3])
    np.testing.assert_array_equal(view.back(seen, x.shape), x)


CUT = {
    "columns": (adamx.MatrixView((), (0,), (1,), (3, 1, 2)), (4, 6), [3, 1, 2], 1),
    "rows": (adamx.MatrixView((), (0,), (1,), (1, 3), 0), (4, 6), [1, 3], 0),
    "out first": (adamx.MatrixView((), (1,), (0,), (2, 2)), (4, 6), [2, 2], 0),
    "each head": (
        adamx.MatrixView((-2,), (0,), (2,), (2, 2, 2), -1),
        (4, 5, 6),
        [2, 2, 2],
        2,
    ),
}


@pytest.mark.parametrize("kind", CUT)
def test_parts_of_an_axis_are_matrices_of_their_own(kind):
    view, shape, lengths, axis = CUT[kind]
    x = jnp.arange(float(np.prod(shape))).reshape(shape)
    whole = dataclasses.replace(view, parts=())
    cut = np.split(np.asarray(x), np.cumsum(lengths)[:-1], axis)
    for found, part in zip(view.cut(x), cut, strict=True):
        np.testing.assert_array_equal(found, whole.see(jnp.asarray(part)))
    assert view.shapes(shape) == [part.shape for part in view.cut(x)]
    np.testing.assert_array_equal(view.join(view.cut(x), shape), x)


def test_queries_keys_and_values_of_one_kernel_go_as_kernels_of_their_own():
    rng = np.random.default_rng(0)
    fused = {
        "qkv": jnp.asarray(rng.normal(size=(6, 10)), "float32"),
        "out": jnp.asarray(rng.normal(size=(4, 6)), "float32"),
        "b": jnp.ones(3),
        "absent": None,
    }
    cut = dict(zip("qkv", jnp.split(fused["qkv"], [6, 8], 1), strict=True))
    apart = {**cut, "out": fused["out"], "b": fused["b"]}

    def view(path, shape):
        if path == "qkv":
            return adamx.MatrixView((), (0,), (1,), parts=(6, 2, 2))
        return adamx.matrix_view(path, shape)

    inner = adamx.chain(adamx.orthogonalize(), adamx.trace(0.5))
    runs = []
    for start, seen in ((fused, view), (apart, None)):
        tx = adamx.as_matrices(inner, seen)
        params, state = start, tx.init(start)
        for _ in range(2):
            updates, state = tx.update(params, state, params)
            params = adamx.apply_updates(params, updates)
        runs.append((params, state))
    (together, state), (each, _) = runs
    rows = [each[name] for name in "qkv"]
    np.testing.assert_allclose(together["qkv"], jnp.concatenate(rows, 1), atol=1e-6)
    np.testing.assert_allclose(together["out"], each["out"], atol=1e-6)
    # The user's tree is innermost, and leaves without parts have None in it.
    kept = state["as_matrices"]["trace"]["trace"]
    assert jax.tree.map(jnp.shape, kept) == {
        "array": {"qkv": None, "out": (4, 6), "b": (1, 3), "absent": None},
        "part_0": {"qkv": (6, 6), "out": None, "b": None, "absent": None},
        "part_1": {"qkv": (6, 2), "out": None, "b": None, "absent": None},
        "part_2": {"qkv": (6, 2), "out": None, "b": None, "absent": None},
    }
    tx = adamx.as_matrices(inner, view)
    abstract = tx.init(jax.eval_shape(lambda: fused))
    assert jax.tree.map(jnp.shape, abstract) == jax.tree.map(jnp.shape, state)
    assert "orthogonalize" in str(adamx.describe(tx, fused))


def test_a_view_of_matrices_is_that_of_their_shapes():
    """A view inside a view sees the matrices, of each part, and not the leaf."""
    view = adamx.MatrixView((), (0,), (1,), parts=(2, 4))
    params = {"kernel": jnp.arange(24.0).reshape(2, 2, 1, 6), "fused": jnp.ones((3, 6))}

    def parts(path, shape):
        return view if path == "fused" else adamx.matrix_view(path, shape)

    twice = adamx.as_matrices(adamx.as_matrices(adamx.trace(0.5)), parts)
    once = adamx.trace(0.5)
    rate = adamx.schedules.linear_schedule(1.0, 0.0, 4)
    later = adamx.as_matrices(adamx.as_matrices(adamx.scale(rate)), parts)
    for tx, plain in ((twice, once), (later, adamx.scale(rate))):
        states = tx.init(params), plain.init(params)
        for _ in range(2):
            found, first = tx.update(params, states[0])
            expected, second = plain.update(params, states[1])
            states = first, second
            jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("wrap", [adamx.in_subspace, adamx.in_submatrix])
def test_a_view_cannot_stand_where_shapes_change(wrap):
    with pytest.raises(adamx.TransformError, match="does not depend on paths"):
        wrap(adamx.as_matrices(adamx.identity()))


@pytest.mark.parametrize(
    "view",
    [
        adamx.MatrixView((), (0,), (1,), (1, 1)),
        adamx.MatrixView((), (0,), (1,), (3, 0)),
        adamx.MatrixView((), (0,), (1,), (4, -1)),
        adamx.MatrixView((), (0,), (1,), (3,), 2),
        adamx.MatrixView((), (0, 1), (), (3,)),
    ],
)
def test_parts_that_do_not_add_up_are_refused(view):
    tx = adamx.as_matrices(adamx.identity(), lambda path, shape: view)
    with pytest.raises(adamx.TransformError, match=r"(?s)\['w'\].*as_matrices.*add up"):
        tx.init({"w": jnp.ones((2, 3))})


@pytest.mark.parametrize("axes", [*itertools.permutations(range(3))], ids=str)
def test_every_order_of_axes_is_put_back(axes):
    batch, rows, cols = ((axis,) for axis in axes)
    view = adamx.MatrixView(batch, rows, cols)
    x = jax.device_put(np.arange(24.0).reshape(2, 3, 4))
    seen = view.see(x)
    np.testing.assert_array_equal(seen, np.transpose(x, axes))
    np.testing.assert_array_equal(view.back(seen, x.shape), x)


@pytest.mark.parametrize(
    "view",
    [
        lambda path, shape: adamx.MatrixView((), (0,), (0,)),
        lambda path, shape: adamx.MatrixView((), (0,), ()),
        lambda path, shape: None,
    ],
)
def test_a_view_that_does_not_fit_is_refused(view):
    tx = adamx.as_matrices(adamx.identity(), view)
    with pytest.raises(adamx.TransformError, match=r"(?s)\['w'\].*as_matrices.*2 axes"):
        tx.init({"w": jnp.ones((2, 3))})


def test_arguments_of_update_are_seen_as_matrices():
    params = {"w": jnp.ones((2, 3, 4, 5)), "absent": None}
    seen: list[object] = []

    class Curved(adamx.Rule):
        needs_trees = ("hessian",)
        needs_params = True

        def step(self, g, slots, shared, param):
            shapes = [x.shape for x in (g, shared["hessian"], param)]  # pyright: ignore
            seen.append(shapes)
            return g / shared["hessian"], slots

    tx = adamx.as_matrices(adamx.lift(Curved()))
    hessian = jax.tree.map(lambda x: 2 * x, params)
    u, _ = tx.update(params, tx.init(params), params, hessian=hessian)
    assert seen[0] == [(24, 5)] * 3
    assert u["w"].shape == (2, 3, 4, 5)
    assert float(u["w"].max()) == 0.5


HIDDEN = {
    "layer_0/attention/query/kernel": (8, 8),
    "h0/mlp/fc/kernel": (8, 32),
    "params/block/output/dense/kernel": (8, 8),
    "conv_1/kernel": (3, 3, 4, 8),
    "layers/mlp/w": (12, 8, 32),
}
OTHER = {
    "wte/embedding": (100, 8),
    "params/Embed_0/embedding": (100, 8),
    "position_embedding/w": (64, 8),
    "wpe": (64, 8),
    "lm_head/kernel": (8, 100),
    "params/head/kernel": (8, 10),
    "classifier/kernel": (8, 10),
    "output/w": (8, 10),
    "params/output_layer/kernel": (8, 10),
    "layer_0/bias": (8,),
    "layers/mlp/bias": (12, 8),
    "layers/LayerNorm_0/scale": (12, 8),
    "layers/norm/w": (12, 8),
    "number": (),
}


@pytest.mark.parametrize(("path", "shape"), [*HIDDEN.items(), *OTHER.items()])
def test_which_are_hidden_matrices(path, shape):
    leaf: Any = jax.ShapeDtypeStruct(shape, jnp.float32)
    assert adamx.is_hidden_matrix(path, leaf) == (path in HIDDEN)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"wide": 2.0, "tall": 1.0, "vector": 2.0}),
        ({"scale": "spectral"}, {"wide": 2.0, "tall": 0.5, "vector": 2.0}),
        ({"scale": "rms"}, {"wide": 4.0, "tall": 4.0, "vector": 2.0}),
        ({"scale": "none"}, {"wide": 1.0, "tall": 1.0, "vector": 1.0}),
        ({"consistent_rms": 0.5}, {"wide": 2.0, "tall": 2.0, "vector": 1.0}),
    ],
)
def test_scales_go_by_fan_in_and_fan_out(options, expected):
    shapes = {"wide": (4, 16), "tall": (16, 4), "vector": (4,)}
    ones = {name: jnp.ones(shape) for name, shape in shapes.items()}
    found, _ = adamx.scale_by_shape(**options).update(ones, {})
    assert {name: float(u.max()) for name, u in found.items()} == expected
