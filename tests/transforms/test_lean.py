"""What is kept for a leaf, and along which axes: what no library's path can show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from tests.trees import params, run


def kept(tx, shape):
    return {x.shape for x in jax.tree.leaves(tx.init(jnp.ones(shape))) if x.ndim}


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({}, {(4, 2, 1), (1, 2, 3)}),
        ({"last_axes": True}, {(4, 2, 1), (4, 1, 3)}),
        ({"min_dim_size_to_factor": 4}, {(4, 2, 3)}),
        ({"factored": False}, {(4, 2, 3)}),
        ({"min_dim_size_to_factor": 4, "keep_whole": False}, set()),
    ],
)
def test_the_two_largest_axes_are_factored(options, shapes):
    options = {"min_dim_size_to_factor": 1, **options}
    assert kept(adamx.factored_moment(**options), (4, 2, 3)) == shapes


@pytest.mark.parametrize(("last", "axes"), [(False, (0, 2)), (True, (1, 2))])
def test_a_factored_moment_is_the_product_of_means(last, axes):
    g = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    tx = adamx.factored_moment(0.0, 0.0, min_dim_size_to_factor=1, last_axes=last)
    emitted, _ = tx.update(jnp.asarray(g), tx.init(jnp.asarray(g)))
    row, col = (np.mean(g * g, a, keepdims=True) for a in axes)
    whole = np.mean(g * g, axes, keepdims=True)
    np.testing.assert_allclose(emitted, row * col / whole, rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 3])
def test_the_decay_of_adafactor_begins_again_at_its_offset(offset):
    """Before the offset it is as without; in Optax it is NaN for ever."""
    tx = adamx.scale_by_factored_rms(step_offset=offset)
    state, squares, nu = tx.init(jnp.zeros(1)), [1.0, 4.0, 9.0, 16.0, 25.0], 0.0
    for step, square in enumerate(squares, start=1):
        u, state = tx.update(jnp.full(1, square**0.5), state)
        since = step - offset if step > offset else step
        nu += since**-0.8 * (square - nu)
        assert float(u[0]) == pytest.approx((square / nu) ** 0.5, rel=1e-6)


def test_a_cap_bounds_the_decay_of_adafactor():
    tx = adamx.scale_by_factored_rms(max_decay=0.5)
    state, nu = tx.init(jnp.zeros(1)), 0.0
    for step in range(1, 6):
        u, state = tx.update(jnp.full(1, float(step)), state)
        nu += max(step**-0.8, 0.5) * (step**2 - nu)
        assert float(u[0]) == pytest.approx(step / nu**0.5, rel=1e-6)


def test_adafactor_is_a_chain_of_its_pieces():
    tx = adamx.adafactor(
        0.2, 2, 0.5, 2.0, True, 0.7, 0.8, weight_decay_rate=0.1, eps=1e-3
    )
    pieces = adamx.chain(
        adamx.scale_by_factored_rms(
            decay_rate=0.5, step_offset=2.0, min_dim_size_to_factor=2, epsilon=1e-3
        ),
        adamx.clip_by_block_rms(0.7),
        adamx.scale_by_learning_rate(0.2, flip_sign=False),
        adamx.scale_by_param_block_rms(),
        adamx.scale_by_momentum(0.8),
        adamx.add_decayed_weights(0.1),
        adamx.scale(-1.0),
    )
    for a, b in zip(run(tx, params()), run(pieces, params()), strict=True):
        jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize(
    ("blocks", "shape", "expected"),
    [
        (-1, (4, 6), (1, 6)),
        (0, (4, 6), (4, 1)),
        ((), (4, 6), (1, 1)),
        ((0, 1), (4, 6), (4, 6)),
        (((-1, 3),), (4, 6), (1, 3)),
        ((1,), (4, 2, 3), (1, 2, 1)),
        (1, (5,), (1,)),
    ],
)
def test_blocks_are_counted_along_axes(blocks, shape, expected):
    tx = adamx.block_moment(0.0, blocks)
    assert kept(tx, shape) == {expected}
    g = jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)
    parts = [pair for n, s in zip(expected, shape, strict=True) for pair in (n, s // n)]
    squares = np.square(np.asarray(g)).reshape(parts)
    odd = tuple(range(1, len(parts), 2))
    means = np.broadcast_to(squares.mean(odd, keepdims=True), parts).reshape(shape)
    np.testing.assert_allclose(tx.update(g, tx.init(g))[0], means, rtol=1e-6)


def test_an_axis_that_cannot_be_parted_is_refused():
    with pytest.raises(adamx.TransformError, match=r"(?s)block_moment.*\(4, 6\)"):
        adamx.block_moment(blocks=((-1, 4),)).init(jnp.ones((4, 6)))


def test_blocks_may_differ_by_leaf():
    params = {"embed": jnp.ones((5, 4)), "w": jnp.ones((3, 4))}
    tx = adamx.adam_mini(
        0.1,
        blocks={"token": 0, "neuron": -1},
        block_labels=lambda path, leaf: "token" if "embed" in path else "neuron",
    )
    state = tx.init(params)
    found = {x.shape for x in jax.tree.leaves(state) if x.ndim == 2}
    assert found == {(5, 4), (5, 1), (3, 4), (1, 4)}


@pytest.mark.parametrize(
    "options", [{"blocks": {"a": 0}}, {"block_labels": lambda path, leaf: "a"}]
)
def test_labels_without_a_mapping_are_refused(options):
    with pytest.raises(adamx.TransformError, match="go together"):
        adamx.adam_mini(0.1, **options)


@pytest.mark.parametrize(
    ("tx", "numbers"),
    [
        (adamx.adafactor(0.1), 2 * 1024),
        (adamx.sm3(0.1, None), 2 * 1024),
        (adamx.came(0.1), 1024**2 + 4 * 1024),
        (adamx.adam_mini(0.1), 1024**2 + 1024),
    ],
)
def test_memory(tx, numbers):
    state = jax.eval_shape(tx.init, jax.ShapeDtypeStruct((1024, 1024), jnp.float32))
    assert numbers <= sum(x.size for x in jax.tree.leaves(state)) < numbers + 32
