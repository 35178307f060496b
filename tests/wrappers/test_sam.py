"""Sharpness-aware minimization: where its gradients come from, and what it leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx

RHO, RATE = 0.05, 0.01
UP = adamx.chain(adamx.normalize(), adamx.sgd(RHO))


def loss(p):
    """Neither quadratic nor separable, of all leaves."""
    return (
        jnp.sum((p["w"] @ p["b"]) ** 4) + jnp.cosh(p["b"]).sum() * (p["w"] ** 2).sum()
    )


grad = jax.jit(jax.grad(loss))


def numbered(params, step):
    return grad(params)


def start(dtype=None):
    rng = np.random.default_rng(0)
    return {k: jnp.asarray(rng.normal(size=n), dtype) for k, n in SHAPES.items()}


SHAPES = {"w": (2, 3), "b": (3,)}


def at_once(tx, params, steps):
    state = tx.init(params)
    for _ in range(steps):
        updates, state = tx.update(grad(params), state, params, grad_fn=numbered)
        params = adamx.apply_updates(params, updates)
    return params


def in_turns(tx, params, steps):
    state, update = tx.init(params), jax.jit(tx.update)
    for _ in range(steps):
        updates, state = update(grad(params), state, params)
        params = adamx.apply_updates(params, updates)
    return params


def close(ours, theirs, rtol):
    assert ours.keys() == theirs.keys()
    for k in ours:
        assert np.isfinite(theirs[k]).all()
        np.testing.assert_allclose(ours[k], theirs[k], rtol=rtol)


def test_it_is_the_papers_algorithm(x64):
    """Algorithm 1 of Foret et al., written with gradients of jax, all else NumPy."""
    params = {k: np.asarray(x) for k, x in start().items()}
    buffer = {k: np.zeros_like(x) for k, x in params.items()}
    for _ in range(60):
        g = grad(params)
        norm = np.sqrt(sum(np.sum(np.square(x)) for x in g.values()))
        g = grad({k: params[k] + RHO * g[k] / norm for k in g})
        buffer = {k: 0.9 * buffer[k] + g[k] for k in g}
        params = {k: params[k] - RATE * buffer[k] for k in g}
    tx = adamx.sam(adamx.sgd(RATE, 0.9), UP, opaque_mode=True)
    # 60 steps of some 10 roundings of 1.1e-16.
    close(at_once(tx, start(), 60), params, 1e-13)


@pytest.mark.parametrize("reset", [True, False])
# In turns of one, Optax adds every step to where it began.
@pytest.mark.parametrize(
    ("k", "opaque"), [(1, True), (2, True), (3, True), (2, False), (3, False)]
)
def test_it_goes_where_optax_goes(k, opaque, reset, x64):
    up = adamx.chain(adamx.normalize(), adamx.sgd(RHO, 0.5))
    ours = adamx.sam(adamx.adam(RATE), up, k, reset, opaque)
    their_up = optax.chain(optax.contrib.normalize(), optax.sgd(RHO, 0.5))
    theirs = optax.contrib.sam(optax.adam(RATE), their_up, k, reset, opaque)
    run, steps = (at_once, 20) if opaque else (in_turns, 20 * k)
    # Adam corrects its bias with powers of float32 numbers in Optax.
    close(run(ours, start(), steps), run(theirs, start(), steps), 1e-6)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_in_turns_and_at_once_end_in_the_same_place(k, x64):
    at, turns = (adamx.sam(adamx.adamw(RATE), UP, k, True, o) for o in (True, False))
    close(in_turns(turns, start(), 20 * k), at_once(at, start(), 20), 1e-13)


def test_the_step_up_is_numbered():
    seen = []

    def grad_fn(p, i):
        seen.append(i)
        return p

    tx = adamx.sam(adamx.sgd(0.1), UP, 4, opaque_mode=True)
    tx.update(start(), tx.init(start()), start(), grad_fn=grad_fn)
    assert seen == [0, 1, 2]


SOME = {
    "freeze": adamx.chain(
        adamx.sam(adamx.sgd(RATE), UP, opaque_mode=True),
        adamx.freeze(lambda path, leaf: path == "b"),
    ),
    "freeze_inside": adamx.sam(
        adamx.chain(adamx.freeze(lambda path, leaf: path == "b"), adamx.sgd(RATE)),
        UP,
        opaque_mode=True,
    ),
    "partition": adamx.partition(
        {
            "w": adamx.sam(adamx.sgd(RATE), UP, opaque_mode=True),
            "b": adamx.scale(0.0),
        },
        lambda path, leaf: path,
    ),
}


@pytest.mark.parametrize("name", SOME)
def test_a_loss_sees_the_leaves_that_do_not_move(name, x64):
    """The direction up, its length too, is that of the moving leaves alone."""
    params, expected = start(), start()["w"]
    for _ in range(5):
        g = grad({"w": expected, "b": params["b"]})["w"]
        there = {"w": expected + RHO * g / jnp.linalg.norm(g), "b": params["b"]}
        expected = expected - RATE * grad(there)["w"]
    close(at_once(SOME[name], params, 5), {"w": expected, "b": params["b"]}, 1e-14)


def test_no_gradient_is_no_direction_and_no_nan():
    tx = adamx.sam(adamx.sgd(1.0), UP, opaque_mode=True)
    updates, _ = tx.update(
        jnp.zeros(3), tx.init(jnp.ones(3)), jnp.ones(3), grad_fn=lambda p, i: p
    )
    assert updates.tolist() == [-1.0, -1.0, -1.0]


def test_narrow_parameters_come_back_to_where_they_were():
    """What goes up and comes back has only the step down, rounded as any update is."""
    params = start(jnp.bfloat16)
    moved = in_turns(adamx.sam(adamx.sgd(0.0), UP), params, 2)
    for k, p in params.items():
        ulp = 2.0**-8 * jnp.abs(p.astype(jnp.float32))
        apart = jnp.abs(moved[k].astype(jnp.float32) - p.astype(jnp.float32))
        assert bool((apart <= ulp).all())


def test_what_is_wrong_is_said():
    tx, params = adamx.sam(adamx.sgd(0.1), UP, opaque_mode=True), start()
    state = tx.init(params)
    with pytest.raises(adamx.TransformError, match=r"(?s)'grad_fn'.*sam"):
        tx.update(params, state, params)
    with pytest.raises(adamx.TransformError, match=r"(?s)grad_fn returns.*'b'"):
        tx.update(params, state, params, grad_fn=lambda p, i: {"w": p["w"]})
    with pytest.raises(adamx.TransformError, match=r"(?s)the parameters.*sam"):
        tx.update(params, state, grad_fn=lambda p, i: p)
    with pytest.raises(adamx.TransformError, match="sync_period"):
        adamx.sam(adamx.sgd(0.1), UP, 0)
