"""Problems whose minimum is known, and a run of a transform on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import adamx
from adamx.core.transform import Transform
from adamx.racing.step import train_step
from adamx.racing.task import Task
from adamx.racing.tasks import analytic
from adamx.racing.tasks.digits import digits
from adamx.racing.tasks.quadratic import quadratic

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


def _of(
    task: Task, score: Callable[[Any], jax.Array], steps: int, target: float
) -> Problem:
    """A task of the races, from one start, with the batch of a step from its key."""

    def loss(params: Any, key: jax.Array) -> jax.Array:
        return task.loss(params, task.draw(key))

    start = task.init(jax.random.key(0))
    return Problem(start, loss, steps, score, target, task.clip)


def _quadratic(task: Task) -> Problem:
    assert task.target is not None
    return _of(task, task.validate, task.steps, task.target)


def _digits(task: Task) -> Problem:
    assert task.accuracy is not None
    right = task.accuracy
    return _of(task, lambda params: 1 - right(params), 400, 0.05)


ROSENBROCK = _of(analytic.rosenbrock(), _distance(1.0, 1.0), 20000, 0.02)
BEALE = _of(analytic.beale(), _distance(3.0, 0.5), 20000, 0.02)
QUADRATIC = _quadratic(quadratic())
DIGITS = _digits(digits(batch_size=128, hidden=64))

PROBLEMS = {
    "rosenbrock": ROSENBROCK,
    "beale": BEALE,
    "quadratic": QUADRATIC,
    "digits": DIGITS,
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

            def loss(params: Any) -> jax.Array:
                return problem.loss(params, key)

            params, state, _ = train_step(tx, loss, params, state, key)
            return (params, state), None

        keys = jax.random.split(jax.random.key(1), problem.steps)
        first = problem.start, tx.init(problem.start)
        (params, state), _ = jax.lax.scan(step, first, keys)
        return problem.score(params if read is None else read(state, params))

    return np.asarray(jax.jit(jax.vmap(run))(rates))
