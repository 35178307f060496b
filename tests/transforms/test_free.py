"""What finds its own rate, at the edges."""

import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import check_transform


def descent(tx, size=1.0, steps=30):
    """The path on size·½‖θ‖²."""
    params = jnp.array([1.0, -3.0])
    state, path = tx.init(params), []
    for _ in range(steps):
        extra = {"value": size * jnp.sum(params**2) / 2}
        extra = {name: extra[name] for name in tx.plan.facts.needs}
        updates, state = tx.update(size * params, state, params, **extra)
        params = adamx.apply_updates(params, updates)
        path.append(params)
    return np.stack(path)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 1e37])
def test_cocob_does_not_see_the_scale_of_gradients(size):
    tx = adamx.cocob(alpha=4.0, eps=0.0)
    # Rounded otherwise in each of 30 steps, on a path through 0.
    np.testing.assert_allclose(descent(tx, size), descent(tx), atol=1e-5)


def test_the_rate_of_cocob_is_a_weight_of_gradients():
    halved = adamx.cocob(0.5, alpha=4.0, eps=0.0)
    np.testing.assert_allclose(
        descent(halved), descent(adamx.cocob(alpha=4.0, eps=0.0)), rtol=1e-5
    )
    stopped = descent(adamx.cocob(lambda count: jnp.where(count < 5, 1.0, 0.0)))
    np.testing.assert_allclose(stopped[5:], stopped[4:-1], rtol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 1e30])
def test_momo_does_not_see_the_scale_of_the_loss(size):
    tx = adamx.momo(1e37)
    # Rounded otherwise in each of 30 steps; a τ is a quotient of what is left of them.
    np.testing.assert_allclose(descent(tx, size), descent(tx), atol=1e-4)


@pytest.mark.parametrize("build", [adamx.momo, adamx.momo_adam])
def test_momo_does_not_overflow(build):
    tx, params = build(), jnp.full(3, 1e15)
    state = tx.init(params)
    for g in (1e30, -1e30, 0.0, 1.0):
        updates, state = tx.update(jnp.full(3, g), state, params, value=1e38)
        assert np.isfinite(updates).all(), (g, updates, state)


@pytest.mark.parametrize("build", [adamx.momo, adamx.momo_adam])
def test_an_unknown_form_of_decay_is_refused(build):
    with pytest.raises(
        adamx.TransformError, match=r"(?s)decay_form is unknown.*'divided'"
    ):
        build(decay_form="divide")


def test_mechanize_keeps_in_bfloat16_what_the_base_wanted():
    """The first steps are 1e-6 of those of the base, nothing to a parameter of 1."""
    tx = adamx.mechanize(adamx.sgd(0.1))
    params = jnp.ones(4, jnp.bfloat16)
    state = tx.init(params)
    for _ in range(60):
        updates, state = tx.update(params, state, params)
        params = adamx.apply_updates(params, updates)
    assert float(jnp.max(jnp.abs(params))) < 0.5


@pytest.mark.parametrize("size", [2.0**-50, 2.0**50])
@pytest.mark.parametrize("variant", ["optax", "paper"])
def test_mechanize_does_not_see_the_scale_of_gradients(size, variant):
    def path(size):
        base = adamx.sgd(0.1 / size)
        return descent(
            adamx.mechanize(base, eps=0.0, s_init=0.1, variant=variant), size
        )

    np.testing.assert_allclose(path(size), path(1.0), rtol=1e-6)


def test_an_unknown_variant_of_mechanize_is_refused():
    with pytest.raises(adamx.TransformError, match=r"(?s)variant.*'optax' or 'paper'"):
        adamx.mechanize(adamx.sgd(1.0), variant="authors")
    with pytest.raises(adamx.TransformError, match="num_betas"):
        adamx.mechanize(adamx.sgd(1.0), num_betas=0)


@pytest.mark.parametrize("variant", ["optax", "paper"])
def test_mechanize_is_right_after_many_steps_of_equal_length(variant):
    tx = adamx.mechanize(adamx.sgd(1.0), variant=variant)
    assert check_transform(tx, laws=["long_runs"]).kept == ["long_runs"]
