"""Norms and target networks, beside a training loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx import TransformError

NEW = {"w": jnp.linspace(-1.0, 2.0, 6).reshape(2, 3), "b": (jnp.array(3.0), None)}
OLD = {"w": jnp.ones((2, 3)), "b": (jnp.array(-1.0), None)}


def same(a: object, b: object) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a, b)


def test_the_norm_is_that_of_optax():
    same(adamx.global_norm(NEW), optax.tree.norm(NEW))
    assert adamx.global_norm({}) == 0


def test_the_norm_of_large_and_small_numbers_is_exact():
    for size in (3e30, 3e-30):
        tree = [jnp.array(size, jnp.float32), jnp.array([size, size], jnp.float32)]
        np.testing.assert_allclose(adamx.global_norm(tree), size * 3**0.5, rtol=1e-6)


@pytest.mark.parametrize("number", [jnp.inf, -jnp.inf, jnp.nan])
def test_the_norm_of_what_is_not_finite_is_not_finite(number):
    found = adamx.global_norm([jnp.array([number, 1.0]), jnp.zeros(2)])
    np.testing.assert_array_equal(found, abs(number))
    assert jnp.isnan(adamx.global_norm([jnp.array([number, jnp.nan])]))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.int32, jnp.complex64])
def test_the_norm_is_float32_at_least(dtype):
    found = adamx.global_norm([jnp.array([3, 4], dtype)])
    assert found.dtype == jnp.float32
    assert found == 5


@pytest.mark.parametrize("step_size", [0.0, 0.25, 1.0, jnp.float32(0.25)])
def test_a_tree_follows_another_as_in_optax(step_size):
    expected = optax.incremental_update(NEW, OLD, step_size)
    same(adamx.incremental_update(NEW, OLD, step_size), expected)
    same(jax.jit(adamx.incremental_update)(NEW, OLD, step_size), expected)


def test_a_followed_tree_keeps_its_dtype():
    old = jnp.ones(3, jnp.bfloat16)
    moved = adamx.incremental_update(jnp.zeros(3), old, jnp.float32(0.5))
    assert moved.dtype == jnp.bfloat16
    assert moved.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4])
def test_a_tree_is_copied_each_few_steps_as_in_optax(steps):
    # Optax gives both trees to a cond, which has no None.
    new, old = NEW["w"], OLD["w"]
    expected = optax.periodic_update(new, old, jnp.array(steps), 2)
    same(adamx.periodic_update(new, old, steps, 2), expected)
    same(jax.jit(adamx.periodic_update)(new, old, jnp.array(steps), 2), expected)


@pytest.mark.parametrize("function", [adamx.incremental_update, adamx.periodic_update])
def test_trees_that_do_not_fit_are_reported(function):
    arguments = (0.5,) if function is adamx.incremental_update else (2, 2)
    with pytest.raises(TransformError, match=r"does not fit the old one\n.*\['w'\]"):
        function({"w": jnp.ones(2)}, {"w": jnp.ones(3)}, *arguments)
    with pytest.raises(TransformError, match="new_tensors"):
        function({"v": jnp.ones(3)}, {"w": jnp.ones(3)}, *arguments)


def test_types_are_there_for_annotations():
    def step(params: adamx.Params, state: adamx.State) -> adamx.Updates:
        return params

    assert step({"w": 1.0}, {}) == {"w": 1.0}
