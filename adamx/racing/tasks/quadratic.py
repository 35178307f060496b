"""A noisy quadratic of 100 dimensions."""

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.task import Task

NOISE = 0.1


def quadratic() -> Task:
    """Return a rotated quadratic: 90 eigenvalues in (0, 1), 10 in (30, 60), noisy."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 1, 90), rng.uniform(30, 60, 10)])
    turn = np.linalg.qr(rng.normal(size=(100, 100)))[0]
    matrix = jnp.asarray(turn * values @ turn.T, jnp.float32)
    start = jnp.asarray(rng.normal(size=100), jnp.float32)
    # The gradient has the covariance of the curvature, as that of a batch has.
    noise = jnp.asarray(turn * np.sqrt(values), jnp.float32)

    def exact(params: jax.Array) -> jax.Array:
        return 0.5 * params @ matrix @ params

    def loss(params: jax.Array, normal: jax.Array) -> jax.Array:
        return exact(params) + NOISE * params @ noise @ normal

    return Task(
        init=lambda key: start,
        loss=loss,
        batches=lambda key: jax.random.normal(key, (100,)),
        validation=exact,
        name="quadratic",
        title="A noisy quadratic: 100 dimensions, condition in the thousands",
        steps=2000,
        # A ten-thousandth of the loss to begin with.
        target=1e-4 * float(exact(start)),
    )
