"""Problems whose minimum is known, and a run of a transform on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import adamx
from adamx.core.transform import Transform

Loss = Callable[[Any, jax.Array], jax.Array]
"""From parameters and the key of the step to the loss."""


class Problem(NamedTuple):
    """Where to start, what to minimize, and when it counts as reached."""

    start: Any
    loss: Loss
    steps: int
    score: Callable[[Any], jax.Array]
    """Of the last parameters; less is better."""
    target: float
    clip: float = float("inf")
    """The bound for the global norm of the gradients."""


def _distance(*minimum: float) -> Callable[[Any], jax.Array]:
    return lambda params: jnp.linalg.norm(params - jnp.array(minimum))


def _rosenbrock(params: jax.Array, key: jax.Array) -> jax.Array:
    x, y = params
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _beale(params: jax.Array, key: jax.Array) -> jax.Array:
    x, y = params
    terms = (1.5, 1), (2.25, 2), (2.625, 3)
    return sum((c - x + x * y**i) ** 2 for c, i in terms)  # pyright: ignore


ROSENBROCK = Problem(
    jnp.array([-0.5, 1.5]), _rosenbrock, 20000, _distance(1.0, 1.0), 0.02
)
# The first gradients are 70,000 long there, and some optimizers never forget them.
BEALE = Problem(
    jnp.array([-4.5, 4.5]), _beale, 20000, _distance(3.0, 0.5), 0.02, clip=10.0
)


def _quadratic() -> Problem:
    """100 dimensions: 90 eigenvalues in (0, 1), 10 in (30, 60), rotated; noise."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 1, 90), rng.uniform(30, 60, 10)])
    turn = np.linalg.qr(rng.normal(size=(100, 100)))[0]
    matrix = jnp.asarray(turn * values @ turn.T, jnp.float32)
    start = jnp.asarray(rng.normal(size=100), jnp.float32)

    def exact(params: jax.Array) -> jax.Array:
        return 0.5 * params @ matrix @ params

    def loss(params: jax.Array, key: jax.Array) -> jax.Array:
        # The gradient has the covariance of the curvature, as that of a batch has.
        noise = jnp.asarray(turn * np.sqrt(values), jnp.float32)
        return exact(params) + 0.1 * params @ noise @ jax.random.normal(key, (100,))

    # A ten-thousandth of the loss to begin with.
    return Problem(start, loss, 2000, exact, 1e-4 * float(exact(start)))


QUADRATIC = _quadratic()


def _digits() -> Problem:
    pixels, digits = load_digits(return_X_y=True)
    pixels = np.asarray(pixels / 16, np.float32)
    data = train_test_split(
        pixels, digits, test_size=0.2, stratify=digits, random_state=0
    )
    train_x, test_x, train_y, test_y = map(jnp.asarray, data)
    keys = jax.random.split(jax.random.key(0))
    normal = jax.nn.initializers.he_normal()
    start = {
        "hidden": {"w": normal(keys[0], (64, 64)), "b": jnp.zeros(64)},
        "output": {"w": normal(keys[1], (64, 10)), "b": jnp.zeros(10)},
    }

    def logits(params: Any, x: jax.Array) -> jax.Array:
        hidden = jax.nn.relu(x @ params["hidden"]["w"] + params["hidden"]["b"])
        return hidden @ params["output"]["w"] + params["output"]["b"]

    def loss(params: Any, key: jax.Array) -> jax.Array:
        rows = jax.random.randint(key, (128,), 0, len(train_x))
        probabilities = jax.nn.log_softmax(logits(params, train_x[rows]))
        return -jnp.mean(probabilities[jnp.arange(128), train_y[rows]])

    def mistakes(params: Any) -> jax.Array:
        return jnp.mean(logits(params, test_x).argmax(1) != test_y)

    return Problem(start, loss, 400, mistakes, 0.05)


DIGITS = _digits()

PROBLEMS = {
    "rosenbrock": ROSENBROCK,
    "beale": BEALE,
    "quadratic": QUADRATIC,
    "digits": DIGITS,
}


def given(loss: Loss, params: Any, grads: Any, key: jax.Array) -> dict[str, Any]:
    """Every extra argument of update that there is, for those that ask."""

    def at(params: Any) -> jax.Array:
        return loss(params, key)

    return {
        "value": at(params),
        "grad": grads,
        "value_fn": at,
        "grad_fn": jax.grad(at),
        "hessian": adamx.hutchinson_estimator_diag_hessian(at, params, key),
    }


def minimized(
    build: Callable[[Any], Transform],
    problem: Problem,
    rates: jax.Array,
    read: Callable[[Any, Any], Any] | None = None,
) -> np.ndarray:
    """The score for each rate, which falls to zero over the steps, as in practice.

    Where `read(state, params)` gives the parameters to evaluate, the rate is constant.
    """

    def run(rate: jax.Array) -> jax.Array:
        falling = 1 if read is None else 0
        tx = build(lambda count: rate * (1 - falling * count / problem.steps))
        if problem.clip < float("inf"):
            tx = adamx.chain(adamx.clip_by_global_norm(problem.clip), tx)

        def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
            params, state = carry
            grads = jax.grad(problem.loss)(params, key)
            every = given(problem.loss, params, grads, key)
            extra = {name: every[name] for name in tx.plan.needs()}
            updates, state = tx.update(grads, state, params, **extra)
            return (adamx.apply_updates(params, updates), state), None

        keys = jax.random.split(jax.random.key(1), problem.steps)
        first = problem.start, tx.init(problem.start)
        (params, state), _ = jax.lax.scan(step, first, keys)
        return problem.score(params if read is None else read(state, params))

    return np.asarray(jax.jit(jax.vmap(run))(rates))
