"""Small inputs of users that failed: shapes, layouts, scales, promotion, errors."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.core.degree import degree_of
from tests.schedule_cases import CASES
from tests.trees import run_with_loss

P = jnp.ones(2)


def strict():
    """Both kinds of implicit promotion are errors."""
    return jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise")


# Hyperparameters of ensembles.


def ensemble():
    tx = adamx.inject_hyperparams(adamx.sgd)(1e-2)
    members = {"w": jnp.ones((3, 4))}
    return tx, members, jax.vmap(tx.init)(members)


def test_hyperparameters_of_an_ensemble_are_one_or_one_each():
    tx, members, state = ensemble()
    for value, expected in (
        (0.1, [0.1] * 3),
        (jnp.array([0.1, 0.2, 0.3]), [0.1, 0.2, 0.3]),
        (np.arange(1, 4), [1.0, 2.0, 3.0]),
    ):
        new = adamx.set_hyperparams(state, learning_rate=value)
        assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
        rates = adamx.find(new, "learning_rate")
        assert rates.dtype == adamx.find(state, "learning_rate").dtype
        np.testing.assert_allclose(rates, expected, 1e-6)
    updates, _ = jax.vmap(tx.update)(members, new, members)
    np.testing.assert_allclose(updates["w"][:, 0], [-1.0, -2.0, -3.0], 1e-6)


@pytest.mark.parametrize(
    "value",
    [jnp.ones(2), jnp.ones((3, 1)), 1j, jnp.array(True), np.ones((1, 3))],
    ids=str,
)
def test_hyperparameters_of_another_shape_or_kind_are_refused(value):
    _, _, state = ensemble()
    with pytest.raises(adamx.TransformError, match="one for each member") as error:
        adamx.set_hyperparams(state, learning_rate=value)
    assert "(3,)" in str(error.value)


def test_hyperparameters_that_are_set_can_be_donated():
    make = adamx.inject_hyperparams(adamx.sgd)
    tx = adamx.chain(make(0.1), make(0.2))
    rate, p = jnp.array(0.5), jnp.ones(2)
    state = adamx.set_hyperparams(tx.init(p), learning_rate=rate)
    jax.jit(tx.update, donate_argnums=1)(p, state, p)
    assert float(rate) == 0.5


def test_hyperparameters_stay_on_all_devices():
    mesh = jax.make_mesh((8,), ("x",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    tx = adamx.inject_hyperparams(adamx.sgd)(0.1)
    state = jax.device_put(tx.init(jnp.ones(2)), everywhere)
    state = adamx.set_hyperparams(state, learning_rate=0.5)
    assert adamx.find(state, "learning_rate").sharding == everywhere


def test_hyperparameters_of_an_ensemble_are_no_single_ones_elsewhere():
    make: Any = optax.inject_hyperparams(optax.sgd)
    one = make(0.1, momentum=0.9).init(P)
    several = {k: jnp.stack([x] * 3) for k, x in one.hyperparams.items()}
    old = one._replace(hyperparams=several, count=jnp.array(1))
    tx = adamx.inject_hyperparams(adamx.sgd)(0.1, momentum=0.9)
    with pytest.raises(adamx.TransformError, match="'learning_rate' does not fit"):
        adamx.from_optax(old, tx, P)


# What is a weight, what is a matrix.

KINDS = {
    # path: shape, decays, is a hidden matrix
    "blocks/norm1/weight": ((12, 64), False, False),
    "blocks/ln/scale": ((12, 64), False, False),
    "h/ln_1/weight": ((12, 64), False, False),
    "stages/bn2/gamma": ((12, 64), False, False),
    "stages/conv/beta": ((12, 64), False, False),
    "block/gamma": ((64, 1, 1), False, False),
    "cls_token": ((1, 1, 64), False, False),
    "conv1d/kernel": ((4, 1, 64), True, False),
    "temperature/kernel": ((1, 1), False, False),
    "dense/kernel": ((4, 64), True, True),
    "lnet/kernel": ((4, 64), True, True),
    "stack/kernel": ((3, 4, 64), True, True),
    "conv/kernel": ((3, 3, 4, 64), True, True),
}


@pytest.mark.parametrize("path", KINDS)
def test_which_leaves_decay_and_which_are_hidden_matrices(path):
    shape, decays, hidden = KINDS[path]
    leaf: Any = jax.ShapeDtypeStruct(shape, jnp.float32)
    assert adamx.is_weight(path, leaf) == decays
    assert adamx.is_hidden_matrix(path, leaf) == hidden


def rows_of(tx, params, piece):
    return [row for row in adamx.describe(tx, params).rows if row.piece == piece]


@pytest.mark.parametrize("make", [adamx.muon, adamx.normuon, adamx.dion2])
def test_the_sides_of_a_matrix_are_those_of_its_view(make):
    params = {
        "linear/weight": jnp.ones((8, 4)),
        "conv/weight": jnp.ones((8, 1, 3)),
        "thin/weight": jnp.ones((1, 4, 3)),
        "gamma/w": jnp.ones((8, 1, 1)),
    }
    (row,) = rows_of(make(0.1, view=adamx.out_in_view), params, "as_matrices")
    assert row.leaves == ("conv/weight", "linear/weight")
    assert row.matrices == ("3 × 8", "4 × 8")
    (row,) = rows_of(make(0.1), params, "as_matrices")
    assert row.leaves == ("linear/weight", "thin/weight")
    assert row.matrices == ("8 × 4", "1 of 4 × 3")


@pytest.mark.parametrize("make", [adamx.soap, adamx.shampoo, adamx.galore])
def test_vectors_in_other_shapes_are_no_matrices(make):
    params = {"kernel": jnp.ones((4, 3)), "cls": jnp.ones((1, 1, 4))}
    (row,) = rows_of(make(0.1), params, "as_matrices")
    assert row.leaves == ("kernel",)
    everything = make(0.1, matrices=lambda path, leaf: True)
    (row,) = rows_of(everything, params, "as_matrices")
    assert row.leaves == ("cls", "kernel")


def test_a_ball_of_norms_holds_matrices_alone():
    params = {"kernel": jnp.ones((4, 3)), "gamma": jnp.ones((4, 1, 1))}
    tx = adamx.hyperball(adamx.sgd(0.1), 0.1)
    (row,) = rows_of(tx, params, "hold_norm")
    assert row.leaves == ("kernel",)


def test_along_itself_a_number_on_a_sphere_does_not_move():
    # Of a rounding residue, a piece after it that divides by norms would make a step.
    tx = adamx.hold_norm(0.1)
    params = jnp.linspace(0.01, 3.0, 50)[:, None, None]
    for g in (params / 7, -params / 7):
        assert not jnp.any(jax.jit(tx.update)(g, tx.init(params), params)[0])


def test_a_step_through_the_centre_ends_on_the_other_side():
    tx = adamx.hold_norm(3.0)
    params = jnp.array([[2.0, 1.0]])
    u, _ = tx.update(-params, tx.init(params), params)
    np.testing.assert_allclose(params + u, -params, rtol=1e-6)


# Layouts.


@pytest.mark.parametrize(
    ("shape", "scale"), [((64, 16), 2.0), ((16, 64), 1.0), ((16, 4, 3, 3), 1.0)]
)
def test_muon_steps_as_far_for_kernels_that_are_out_in(shape, scale):
    g = {"w": jax.random.normal(jax.random.key(0), shape)}
    wide = math.sqrt(shape[0] / math.prod(shape[1:])) if scale > 1 else 1.0
    exact = adamx.orthogonalize("polar_express", 8)
    tx = adamx.muon(1.0, orthogonalize=exact, view=adamx.out_in_view)
    u = np.asarray(tx.update(g, tx.init(g), g)[0]["w"]).reshape(len(g["w"]), -1)
    sizes = np.linalg.svd(u, compute_uv=False)
    np.testing.assert_allclose(sizes, scale, 0.01)
    assert scale == wide
    assert "in × out" in repr(adamx.describe(tx, g))


def test_layouts_are_transposes_of_each_other():
    g = jax.random.normal(jax.random.key(0), (6, 3))
    for make in (
        functools.partial(adamx.muon, 0.1, matrices=True),
        functools.partial(adamx.scion, 0.1),
        functools.partial(adamx.soap, 0.1, matrices=True),
    ):
        tx, other = make(), make(view=adamx.out_in_view)
        u, _ = tx.update(g, tx.init(g), g)
        v, _ = other.update(g.T, other.init(g.T), g.T)
        np.testing.assert_allclose(u, v.T, 1e-4, 1e-6)


# Functions that cannot be traced.


def with_numpy(n):
    return 0.1 * np.cos(n)


def with_if(n):
    return 0.1 if n < 5 else 0.2


def with_int(n):
    return [0.1, 0.2][n % 2]


def with_float(n):
    return 0.1 * math.cos(n)


def by_value(params):
    return jax.tree.map(lambda p: bool(jnp.sum(p) > 0), params)


def updated(tx, **extra):
    return tx.update(P, tx.init(P), P, **extra)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: updated(adamx.sgd(with_numpy)), ["learning_rate", "sgd", "jnp.cos"]),
        (lambda: updated(adamx.adam(0.1, b1=with_if)), ["b1", "adam", "jnp.where"]),
        (lambda: updated(adamx.sgd(with_int)), ["learning_rate", "sgd"]),
        (lambda: updated(adamx.sgd(with_float)), ["learning_rate", "sgd", "math"]),
        (
            lambda: updated(adamx.sgd(adamx.join_schedules([with_if, with_if], [3]))),
            ["schedules[0]", "join_schedules"],
        ),
        (
            lambda: updated(adamx.inject_hyperparams(adamx.sgd)(with_if)),
            ["learning_rate", "sgd"],
        ),
        (
            lambda: updated(adamx.MultiSteps(adamx.sgd(0.1), with_if)),
            ["every_k_schedule", "MultiSteps"],
        ),
        (
            lambda: updated(
                adamx.conditionally_mask(adamx.sgd(0.1), lambda n: n < 5 and n > 2)
            ),
            ["should_transform_fn", "conditionally_mask"],
        ),
        (
            lambda: updated(adamx.masked(adamx.sgd(0.1), by_value)),
            ["mask", "masked", "never at values"],
        ),
        (
            lambda: updated(adamx.chain(adamx.sgd(0.1), adamx.freeze(by_value))),
            ["mask", "freeze", "never at values"],
        ),
        (
            lambda: updated(
                adamx.partition({True: adamx.sgd(0.1), False: adamx.sgd(1.0)}, by_value)
            ),
            ["param_labels", "partition", "never at values"],
        ),
        (
            lambda: updated(adamx.muon(0.1, matrices=by_value)),
            ["matrices", "split", "never at values"],
        ),
        (
            lambda: updated(adamx.monitor({"size": lambda u: float(jnp.sum(u))})),
            ["'size'", "monitor"],
        ),
        (
            lambda: updated(
                adamx.fork(
                    lambda a, b: a if a[0] > 0 else b,
                    a=adamx.scale(1.0),
                    b=adamx.scale(2.0),
                )
            ),
            ["join", "fork", "jnp.where"],
        ),
        (
            lambda: updated(
                adamx.inject_hyperparams(
                    lambda rate: adamx.sgd(rate) if rate > 0 else adamx.identity()
                )(0.1)
            ),
            ["inner_factory", "inject_hyperparams"],
        ),
        (
            lambda: updated(
                adamx.lbfgs(), value=2.0, grad=P, value_fn=lambda p: np.asarray(p)[0]
            ),
            ["value_fn", "line search", "jax.numpy"],
        ),
        (
            lambda: updated(
                adamx.sam(adamx.sgd(0.1), adamx.sgd(0.1), 2, opaque_mode=True),
                grad_fn=lambda p, i: 2 * np.asarray(p),
            ),
            ["grad_fn", "sam"],
        ),
    ],
)
def test_functions_that_cannot_be_traced_are_named(call, words):
    with pytest.raises(adamx.TransformError, match="cannot be traced") as error:
        call()
    assert not [word for word in words if word not in str(error.value)]


def test_other_errors_of_users_stay_as_they_are():
    def broken(n):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        updated(adamx.sgd(broken))


# Errors that fit a screen.

LONG = "a_name_that_is_rather_long_as_those_of_generated_layers_are_" * 2
TREES = {
    "200 leaves": {
        f"h{i}": {"attn": {"w": P, "b": P}, "mlp": {"w": P, "b": P}} for i in range(50)
    },
    "1,000 leaves": {f"layer_{i}": [P] * 5 for i in range(200)},
    "deep": functools.reduce(lambda t, i: {f"level_{i}": t}, range(60), {"w": P}),
    "long names": {f"{LONG}{i}": {LONG: P} for i in range(100)},
}


def without_one(tree):
    """The tree without one leaf in its middle, and that leaf's key path."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    path = pairs[len(pairs) // 2][0]

    def copy(node, keys):
        key, *rest = keys
        if isinstance(node, list):
            return node[:-1] if not rest else node
        key = key.key
        if rest and jax.tree.leaves(node[key]) != jax.tree.leaves(node):
            return {**node, key: copy(node[key], rest)}
        if rest:
            return {key: copy(node[key], rest)}
        return {k: v for k, v in node.items() if k != key}

    return copy(tree, path)


def raised(function, *args, **kwargs):
    with pytest.raises(adamx.TransformError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize("name", TREES)
def test_no_error_is_longer_than_a_screen(name):
    tree = TREES[name]
    less = without_one(tree)
    mask = jax.tree.map(lambda x: True, less)
    adam, sgd = adamx.adam(0.1), adamx.sgd(0.1, momentum=0.9)
    state = jax.eval_shape(sgd.init, tree)
    fewer = jax.eval_shape(sgd.init, less)

    def update(updates, state, params, tx=sgd, **extra):
        return jax.eval_shape(lambda: tx.update(updates, state, params, **extra))

    found = {
        "mask": raised(jax.eval_shape, adamx.adamw(0.1, mask=mask).init, tree),
        "freeze": raised(
            jax.eval_shape, adamx.chain(adam, adamx.freeze(mask)).init, tree
        ),
        "labels": raised(
            jax.eval_shape,
            adamx.partition({1: adam}, lambda path, leaf: path * 3).init,
            tree,
        ),
        "no group": raised(
            jax.eval_shape, adamx.param_groups({"nothing": adam}).init, tree
        ),
        "two groups": raised(
            jax.eval_shape, adamx.param_groups({"*": adam, "**": adam}).init, tree
        ),
        "unused group": raised(
            jax.eval_shape, adamx.param_groups({"*": adam, "x": adam}).init, tree
        ),
        "state": raised(update, tree, fewer, tree),
        "params": raised(update, tree, state, less),
        "updates": raised(update, less, state, tree),
        "apply": raised(adamx.apply_updates, tree, less),
        "no state": raised(update, tree, {"trace": {}}, tree),
        "no transform": raised(adamx.as_matrices, tree),
        "a codec": raised(adamx.stored, adam, tree),
        "a number": raised(adamx.adam, tree),
        "find": raised(adamx.find, fewer, "nothing"),
        "several": raised(adamx.find, tree, "w")
        if len(adamx.find_all(tree, "w")) > 1
        else "",
        "groups": raised(
            jax.eval_shape,
            adamx.monitor_norms(adam, groups={"none": "nothing"}).init,
            tree,
        ),
        "hessian": raised(
            update,
            tree,
            jax.eval_shape(adamx.scale_by_sophia().init, tree),
            tree,
            adamx.scale_by_sophia(),
            hessian=less,
        ),
        "migrate": raised(adamx.migrate, (tree,), sgd, tree),
        "hyperparameter": raised(adamx.set_hyperparams, state, **{LONG * 20: 1.0}),
    }
    assert {k: len(v) for k, v in found.items() if len(v) > 900} == {}
    for site in ("mask", "freeze", "state", "params", "updates", "apply"):
        assert "where:" in found[site], site
        assert "nothing" in found[site], found[site]
        assert "one leaf" not in found[site]


def test_the_path_of_the_first_difference_is_told():
    tree = TREES["200 leaves"]
    mask = jax.tree.map(lambda x: True, tree)
    del mask["h7"]["mlp"]["b"]
    text = raised(adamx.adamw(0.1, mask=mask).init, tree)
    assert "['h7']['mlp']['b']" in text
    assert "expected: a leaf, as in the parameters" in text
    assert "got:      nothing" in text


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"a": True}, ["['b']", "a dict with ['c']", "nothing"]),
        ({"a": True, "b": {"c": True}, "d": True}, ["['d']", "nothing", "a leaf"]),
        ({"a": True, "b": [True]}, ["['b']", "a dict with ['c']", "a list with [0]"]),
        ({"a": {"x": True}, "b": True}, ["['a']", "a leaf", "a dict with ['x']"]),
    ],
)
def test_a_prefix_of_labels_differs_where_it_is_none(labels, words):
    tree = {"a": P, "b": {"c": P}}
    text = raised(adamx.masked(adamx.adam(0.1), labels).init, tree)
    assert not [word for word in words if word not in text]


def test_a_dict_is_no_leaf():
    tx = adamx.adam(0.1)
    text = raised(tx.update, {"w": P}, tx.init([P]), [P])
    assert "where:    the top of the trees" in text
    assert "one leaf" not in text
    assert "one leaf" in raised(tx.update, P, tx.init(P), jnp.ones(3))


# Small and large gradients.


@pytest.mark.parametrize("eps", [1e-8, 0.0])
def test_muon_steps_as_far_after_a_clip(eps):
    k = jax.random.normal(jax.random.key(0), (8, 8))
    p = {"small": {"kernel": k}, "huge": jnp.ones(4)}
    g = {"small": {"kernel": 0.1 * k}, "huge": jnp.full(4, 1e11)}
    alone = adamx.muon(0.1, orthogonalize=adamx.orthogonalize(eps=eps))
    tx = adamx.chain(adamx.clip_by_global_norm(1.0), alone)
    u, _ = tx.update(g, tx.init(p), p)
    v, _ = alone.update(g, alone.init(p), p)
    u, v = u["small"]["kernel"], v["small"]["kernel"]
    np.testing.assert_allclose(u, v, rtol=1e-3, atol=1e-5)
    assert 0.07 < np.linalg.norm(u, 2) < 0.13


@pytest.mark.parametrize(
    "tx",
    [
        adamx.orthogonalize(),
        adamx.orthogonalize(eps=1e-3),
        adamx.normalize_by_update_norm(),
        adamx.scale_by_norm_ball("rms"),
        adamx.scale_by_norm_ball("rownorm"),
        adamx.scale_by_norm_ball("colnorm"),
        adamx.scale_by_norm_ball("leaf"),
        adamx.scale_by_trust_ratio(eps=1e-8),
        adamx.hold_norm(0.1),
        adamx.normalize_neurons(),
    ],
    ids=repr,
)
def test_an_epsilon_fades_beside_a_small_norm(tx):
    g = jax.random.normal(jax.random.key(0), (4, 6))
    p = jnp.ones((4, 6))
    step = jax.jit(lambda g: tx.update(g, tx.init(p), p)[0])
    expected = step(g)
    grows = repr(tx) == "normalize_neurons()"
    for size in (1e-30, 1e-12, 1e12, 1e30):
        found = step(g * size) / (size if grows else 1)
        np.testing.assert_allclose(found, expected, rtol=5e-3, atol=1e-4)


def test_an_epsilon_beside_an_ordinary_norm_is_as_it_was():
    g = jnp.array([3.0, 4.0])
    for eps in (1e-8, 1e-3, 1.0, 1e20):
        tx = adamx.normalize_by_update_norm(eps=eps)
        u, _ = tx.update(g, {})
        np.testing.assert_allclose(u, g / (5 + eps), 1e-6)
    assert not jnp.any(tx.update(jnp.zeros(2), {})[0])


def test_derivatives_where_an_epsilon_fades_are_finite():
    def total(g, eps):
        tx = adamx.normalize_by_update_norm(eps=eps)
        return jnp.sum(tx.update(g, tx.init(g))[0] ** 3)

    slope = jax.jit(jax.grad(total, (0, 1)))
    for size in (0.0, 1e-38, 1e-20, 1e-2, 1.0, 1e30):
        for eps in (0.0, 1e-6, 1e10):
            found = slope(size * jnp.array([1.0, -2.0]), eps)
            assert all(jnp.all(jnp.isfinite(x)) for x in found), (size, eps)


@pytest.mark.parametrize(
    ("tx", "degree"),
    [
        (adamx.muon(0.1), 0),
        (adamx.chain(adamx.trace(0.9), adamx.scale_by_sign()), 0),
        (adamx.chain(adamx.scale_by_sign(), adamx.scale_by_adam()), 0),
        (adamx.chain(adamx.scale_by_adam(), adamx.scale_by_sign()), None),
        (adamx.sgd(0.1, momentum=0.9), 1),
        (adamx.adam(0.1), None),
        (adamx.adamw(0.1), None),
        (adamx.masked(adamx.scale_by_sign(), {"kernel": True}), 0),
        (adamx.masked(adamx.scale_by_sign(), {"kernel": False}), 1),
        (adamx.MultiSteps(adamx.sign_sgd(0.1), 2), 0),
        (adamx.apply_if_finite(adamx.sign_sgd(0.1), 2), None),
        (adamx.second_moment(0.9), None),
    ],
    ids=repr,
)
def test_the_degree_of_a_chain(tx, degree):
    params = {"kernel": jnp.ones((2, 3))}
    assert degree_of(tx.plan, params) == degree


# Strict promotion.

CODECS = (
    adamx.int8(),
    adamx.int8_dynamic(),
    adamx.int4(),
    adamx.float8(),
    adamx.bfloat16(),
)
TREE = {"w": jnp.ones((6, 8)), "b": jnp.ones(5, jnp.bfloat16), "s": jnp.float32(1)}


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("codec", CODECS, ids=repr)
def test_codecs_promote_nothing(codec, x64):
    dtypes, ranks = strict()
    with jax.enable_x64(x64), dtypes, ranks:
        tx = adamx.stored(adamx.adam(0.1), codec, min_size=1)
        jax.eval_shape(lambda g: tx.update(g, tx.init(g), g), TREE)


@pytest.mark.parametrize("x64", [False, True])
def test_schedules_promote_nothing(x64):
    for case in CASES:
        dtypes, ranks = strict()
        with jax.enable_x64(x64), dtypes, ranks:
            jax.eval_shape(case.make(adamx), jax.ShapeDtypeStruct((), jnp.int32))


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("rounding", ["nearest", "stochastic", "kahan"])
def test_whole_steps_promote_nothing(rounding, x64):
    dtypes, ranks = strict()
    with jax.enable_x64(x64), dtypes, ranks:
        step = adamx.make_step(
            adamx.adamw(0.1), rounding, skip_nonfinite=True, donate=False
        )
        jax.eval_shape(lambda g: step(g, step.init(g), g), TREE)


@pytest.mark.parametrize("value", [1j, jnp.array(1j), jnp.array(True)], ids=str)
def test_a_hyperparameter_is_a_real_number(value):
    with pytest.raises(adamx.TransformError, match="learning_rate must be a"):
        adamx.sgd(value)


# Line searches, and pairs of little curvature.


def steep(x):
    return 50 * jnp.sum(x**2)


@pytest.mark.parametrize(
    "search",
    [
        adamx.scale_by_backtracking_linesearch(15),
        adamx.scale_by_backtracking_linesearch(15, store_grad=True),
        adamx.scale_by_zoom_linesearch(2, curv_rtol=jnp.inf),
        adamx.scale_by_zoom_linesearch(
            2, initial_guess_strategy="one", curv_rtol=math.inf
        ),
    ],
    ids=repr,
)
def test_a_search_that_finds_nothing_goes_on_in_the_next_step(search):
    tx = adamx.chain(adamx.sgd(1.0), search)
    p, state = run_with_loss(tx, steep, jnp.ones(2), 60)
    assert steep(p) < 1e-3
    assert float(adamx.find(state, "learning_rate")) < 0.1


def test_a_search_after_many_that_found_nothing_is_not_of_zero():
    tx = adamx.chain(adamx.sgd(1.0), adamx.scale_by_backtracking_linesearch(30, 2.0))
    _, state = run_with_loss(tx, lambda x: jnp.sum(jnp.abs(x)), jnp.zeros(2), 60)
    assert 0 < float(adamx.find(state, "last_trial")) <= 1


def test_an_infinite_factor_begins_with_the_longest_step():
    longest = adamx.scale_by_backtracking_linesearch(60, increase_factor=math.inf)
    tx = adamx.chain(adamx.sgd(1.0), longest)
    p, state = run_with_loss(tx, steep, jnp.ones(2), 3)
    assert int(adamx.find(state, "num_linesearch_steps")) > 15
    assert steep(p) < steep(jnp.ones(2))
    for factor in (-math.inf, math.nan):
        with pytest.raises(adamx.TransformError, match="increase_factor must be in"):
            adamx.scale_by_backtracking_linesearch(15, increase_factor=factor)
    with pytest.raises(adamx.TransformError, match="atol must be in"):
        adamx.scale_by_backtracking_linesearch(15, atol=math.inf)


@pytest.mark.parametrize("scaled", [False, True])
def test_lbfgs_does_not_leap(scaled):
    def himmelblau(x):
        return (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2

    tx = adamx.lbfgs(1e-3, 5, scaled, linesearch=None)
    p, state, longest = jnp.ones(2), tx.init(jnp.ones(2)), 0.0
    step = jax.jit(lambda p, s: tx.update(jax.grad(himmelblau)(p), s, p))
    for _ in range(15):
        u, state = step(p, state)
        p, longest = p + u, max(longest, float(jnp.linalg.norm(u)))
    assert longest < 2
    assert himmelblau(p) < himmelblau(jnp.ones(2))


def test_lbfgs_keeps_the_pairs_of_ill_conditioned_losses():
    scales = jnp.logspace(0, 4, 6)
    tx = adamx.lbfgs()
    p, _ = run_with_loss(tx, lambda x: jnp.sum(scales * x**2), jnp.ones(6), 40)
    assert float(jnp.sum(scales * p**2)) < 1e-8
