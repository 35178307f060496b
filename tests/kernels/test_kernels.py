"""A rule as one loop over blocks: as a Pallas kernel, interpreted, and in XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.errors import TransformError
from adamx.kernels.chunks import Cut
from tests.tiers import full

PARAMS = {
    "w": jnp.ones((64, 80)),
    "odd": jnp.ones((77, 67), jnp.bfloat16),
    "b": jnp.ones(80),
    "one": jnp.ones(()),
    "none": jnp.ones((0, 3)),
}


def gradient(seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), PARAMS
    )


TRANSFORMS = {
    "adam": lambda: adamx.adam(0.1),
    "scheduled": lambda: adamx.adamw(adamx.cosine_decay_schedule(0.1, 10)),
    "clipped": lambda: adamx.chain(
        adamx.clip_by_global_norm(0.1), adamx.lion(adamx.linear_schedule(0.1, 0, 9))
    ),
    "int8": lambda: adamx.stored(adamx.adamw(0.1), adamx.int8()),
    "int8_dynamic": lambda: adamx.stored(adamx.adamw(0.1), adamx.int8_dynamic()),
    "int4": lambda: adamx.stored(adamx.amsgrad(0.1), adamx.int4()),
    "float8": lambda: adamx.stored(adamx.sgd(0.1, 0.9, True), adamx.float8()),
    "bfloat16": lambda: adamx.stored(adamx.adam(0.1), nu=adamx.bfloat16()),
    "two": lambda: adamx.stored(
        adamx.adam(0.1), mu=adamx.int8(), nu=adamx.uint8_dynamic()
    ),
}


PLAIN = [("clipped", "interpret"), ("int8", "interpret"), ("int4", "loop")]


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        (n, b) if (n, b) in PLAIN else full(n, b)
        for n in TRANSFORMS
        for b in ("interpret", "loop")
    ],
)
def test_equals_the_rule_on_whole_leaves(name, backend):
    """Codes too: nothing is added up in another order; sums may be contracted."""
    plain = TRANSFORMS[name]()
    fused = adamx.fused(plain, backend, block=1024)
    a, b = fused.init(PARAMS), plain.init(PARAMS)
    for seed in range(3):
        g = gradient(seed)
        got, a = fused.update(g, a, PARAMS)
        right, b = plain.update(g, b, PARAMS)
        for path, u in jax.tree_util.tree_leaves_with_path(got):
            v = right[path[0].key]
            assert u.dtype == v.dtype
            rtol = 2**-8 if u.dtype == jnp.bfloat16 else 2e-6
            np.testing.assert_allclose(
                np.asarray(u, float), np.asarray(v, float), rtol, 1e-6
            )
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jnp.integer) and x.dtype.itemsize == 1:
            assert (x != y).mean() <= 1e-3
        else:
            x, y = np.asarray(x, float), np.asarray(y, float)
            atol = 1e-6 * np.abs(y).max(initial=0)
            rtol = 2e-6 if name != "bfloat16" else 2**-8
            np.testing.assert_allclose(x, y, rtol, atol)


@pytest.mark.parametrize(
    ("backend", "rounding"),
    [
        ("loop", "correction"),
        ("interpret", "nearest"),
        full("loop", "kahan"),
        full("interpret", "correction"),
    ],
)
def test_adds_to_the_parameters_in_the_loop(backend, rounding):
    plain = adamx.stored(adamx.adamw(0.1, weight_decay=0.1), adamx.int8())
    steps = [
        adamx.make_step(tx, rounding, donate=False)
        for tx in (adamx.fused(plain, backend), plain)
    ]
    ends = []
    for step in steps:
        params, state = PARAMS, step.init(PARAMS)
        for seed in range(3):
            params, state = step(params, state, gradient(seed))
        ends.append(step.whole(params, state))
    for x, y in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(x, y, 2**-7 if rounding == "nearest" else 2**-14)


def test_frozen_leaves_are_not_added_to():
    tx = adamx.chain(
        adamx.fused(adamx.adam(0.1), "loop"), adamx.freeze(lambda p, x: p == "w")
    )
    step = adamx.make_step(tx, donate=False)
    params, _ = step(PARAMS, step.init(PARAMS), gradient(0))
    assert (params["w"] == PARAMS["w"]).all()
    assert (params["b"] != PARAMS["b"]).all()


@pytest.mark.parametrize("codec", ["int8", "int8_dynamic", "int4", "float8"])
def test_what_is_in_between_is_no_larger_than_the_moments_of_one_leaf(codec):
    """Of six leaves, with parameters and state in place."""
    leaf = jnp.ones((512, 1024))
    params = {str(i): leaf for i in range(6)}
    tx = adamx.stored(adamx.adamw(0.1), getattr(adamx, codec)())
    step = adamx.make_step(adamx.fused(tx, "loop"))
    state = jax.eval_shape(step.init, params)
    program = jax.jit(step, donate_argnums=(0, 1)).lower(params, state, params)
    used = program.compile().memory_analysis()
    assert used is not None
    assert used.temp_size_in_bytes <= 2 * leaf.nbytes
    kept = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((params, state)))
    assert used.alias_size_in_bytes >= 0.99 * kept


@pytest.mark.parametrize("numbers", [0, 1, 255, 256, 4096, 5159, 100_000, 3 * 2**15])
@pytest.mark.parametrize("span", [1, 32, 256])
def test_chunks_cover_a_leaf(numbers, span):
    cut = Cut.of(numbers, span, 1024)
    assert cut.size % span == 0
    assert cut.size <= 1024
    assert cut.number * cut.size + cut.rest == numbers
    if numbers % span == 0:
        assert not cut.rest
    x = jnp.arange(numbers)
    assert (cut.whole(*cut.rows(x, (cut.size,)), x) == x).all()


def test_where_there_are_no_kernels_it_says_so():
    tx = adamx.fused(adamx.adam(0.1), "pallas")
    state = tx.init(PARAMS)
    with pytest.raises(TransformError, match=r"(?s)no kernels.*'cpu'.*loop"):
        tx.update(gradient(0), state, PARAMS)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: adamx.fused(adamx.adam(0.1), "triton"),
            "(?s)backend is unknown.*'triton'",
        ),
        (lambda: adamx.fused(adamx.lamb(0.1), "loop"), "scale_by_trust_ratio"),
        (lambda: adamx.fused(adamx.prodigy(1.0), "loop"), "prodigy"),
        (
            lambda: adamx.fused(adamx.MultiSteps(adamx.adam(0.1), 2), "loop"),
            "MultiSteps",
        ),
        (
            lambda: adamx.fused(
                adamx.stored(adamx.adam(0.1), adamx.bfloat16(stochastic=True)), "loop"
            ),
            "that draws",
        ),
        (lambda: adamx.fused(adamx.adam(0.1), "loop", block=0), "an integer from 1"),
    ],
)
def test_what_cannot_be_cut_is_refused(make, words):
    with pytest.raises(TransformError, match=words):
        make()


def test_a_complex_leaf_is_refused():
    tx = adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=0)
    tx, leaf = adamx.fused(tx, "loop"), jnp.ones(64, jnp.complex64)
    with pytest.raises(TransformError, match="complex"):
        tx.update(leaf, tx.init(leaf), leaf)
