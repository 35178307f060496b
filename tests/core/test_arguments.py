"""What update takes beside gradients, state and parameters, and random keys."""

import functools

import jax
import jax.numpy as jnp
import pytest

import adamx

START = {"w": jnp.ones((2, 3)), "b": jnp.zeros(3), "absent": None}


class Newton(adamx.Rule):
    """Divides by a curvature for each number."""

    needs_trees = ("hessian",)

    def step(self, g, slots, shared, param):
        return g / shared["hessian"], slots


class Steps(adamx.Rule):
    counts = True

    def step(self, g, slots, shared, param):
        return g * shared["count"], slots


class Noise(adamx.Rule):
    def shared(self):
        return {"key": jax.random.key(0)}

    def advance(self, shared, *_, **extra):
        return {"key": jax.random.split(shared["key"])[0]}

    def step(self, g, slots, shared, param):
        return g + jax.random.normal(shared["key"], g.shape, g.dtype), slots


class WithGradient(adamx.Rule):
    """Asks for the value at a place of its own."""

    needs = ("value_fn",)

    def shared(self):
        return {"seen": jnp.zeros(())}

    def advance(self, shared, *_, value_fn, **extra):
        return {"seen": value_fn(jnp.float32(3))}

    def step(self, g, slots, shared, param):
        return g * shared["seen"], slots


def twos(tree):
    return jax.tree.map(lambda x: jnp.full_like(x, 2.0), tree)


newton = adamx.lift(Newton(), "newton")


@pytest.mark.parametrize(
    "tx",
    [
        newton,
        adamx.chain(adamx.identity(), newton),
        adamx.fork(lambda only: only, only=newton),
        adamx.chain(adamx.scale(1.0), adamx.partition({1: newton}, lambda p, x: 1)),
        adamx.chain(adamx.clip_by_global_norm(1e9), newton),
    ],
)
def test_a_tree_of_arguments_reaches_the_leaves(tx):
    g = {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3), "absent": None}
    hessian = {"w": jnp.full((2, 3), 4.0), "b": jnp.array([1.0, 2, 4]), "absent": None}
    updates, _ = tx.update(g, tx.init(START), START, hessian=hessian)
    assert updates["w"].tolist() == [[0, 0.25, 0.5], [0.75, 1, 1.25]]
    assert updates["b"].tolist() == [1, 0.5, 0.25]


@pytest.mark.parametrize(
    ("hessian", "words"),
    [
        ({**twos(START), "b": jnp.ones(2)}, ["hessian", "['b']", "(3,)", "(2,)"]),
        ({**twos(START), "b": None}, ["hessian", "['b']", "None"]),
        ({"w": jnp.ones((2, 3))}, ["hessian", "different trees", "newton"]),
    ],
)
def test_an_argument_that_does_not_fit_is_refused(hessian, words):
    with pytest.raises(adamx.TransformError) as error:
        newton.update(START, newton.init(START), START, hessian=hessian)
    assert not [word for word in words if word not in str(error.value)]


def test_a_missing_tree_names_piece_and_argument():
    with pytest.raises(adamx.TransformError, match=r"(?s)'hessian'.*newton"):
        newton.update(START, newton.init(START), START)


def test_bias_correction_has_no_arguments_to_give():
    with pytest.raises(adamx.TransformError, match="bias_correct"):
        adamx.bias_correct(newton)


FUNCTIONS = {
    "lambda": lambda x: x * 2,
    "partial": functools.partial(jnp.multiply, 2),
    "jitted": jax.jit(lambda x: x * 2),
    "Partial": jax.tree_util.Partial(jnp.multiply, jnp.float32(2)),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_is_an_argument(kind, jit):
    tx = adamx.lift(WithGradient(), "asks")

    def update(g, state):
        return tx.update(g, state, value_fn=FUNCTIONS[kind])

    update = jax.jit(update) if jit else update
    updates, _ = update(jnp.float32(5), tx.init(jnp.float32(0)))
    assert float(updates) == 30.0


def test_a_rule_that_counts_sees_the_number_of_its_step():
    tx = adamx.chain(adamx.lift(Steps(), "steps"), adamx.identity())
    state, seen = tx.init(jnp.float32(0)), []
    for _ in range(3):
        updates, state = tx.update(jnp.float32(1), state)
        seen.append(float(updates))
    assert seen == [1, 2, 3]
    assert int(state["steps"]["count"]) == 3


def test_each_leaf_and_each_step_has_noise_of_its_own():
    tx = adamx.lift(Noise(), "noise")
    start = {"a": jnp.zeros(1000), "b": jnp.zeros(1000)}
    first, state = tx.update(start, tx.init(start))
    second, _ = tx.update(start, state)
    again, _ = tx.update(start, tx.init(start))
    rows = jnp.stack([first["a"], first["b"], second["a"], second["b"]])
    apart = jnp.corrcoef(rows) - jnp.eye(4)
    # Of 1,000 numbers each, a correlation has a standard deviation of 0.032.
    assert jnp.abs(apart).max() < 0.16
    assert jnp.array_equal(first["a"], again["a"])
