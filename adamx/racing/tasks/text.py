"""The next character of Python's own help texts, by a small transformer."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.task import Task
from adamx.racing.tasks.mlp import cross_entropy
from adamx.racing.tasks.transformer import CONTEXT, init_transformer, transformer

HELD_OUT = 32
"""Passages, the last of the text, spread evenly over its last tenth."""


def characters() -> tuple[np.ndarray, int]:
    """Return the text in whole numbers, and how many different characters there are."""
    from pydoc_data import topics

    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    alphabet, numbers = np.unique(list(text), return_inverse=True)
    return numbers.astype(np.uint8), len(alphabet)


def text(batch_size: int = 8) -> Task:
    """Return a task of 465 kB of `pydoc_data.topics`, with 117,000 parameters."""
    numbers, many = characters()
    end = len(numbers) * 9 // 10
    learnt, length = jnp.asarray(numbers[:end]), CONTEXT + 1
    starts = np.linspace(end, len(numbers) - length, HELD_OUT).astype(int)
    held_out = jnp.asarray(numbers[starts[:, None] + np.arange(length)])

    def batches(key: jax.Array) -> jax.Array:
        starts = jax.random.randint(key, (batch_size, 1), 0, end - length)
        return learnt[starts + jnp.arange(length)]

    def loss(params: Any, batch: jax.Array) -> jax.Array:
        batch = batch.astype(jnp.int32)
        return cross_entropy(transformer(params, batch[:, :-1]), batch[:, 1:])

    return Task(
        init=lambda key: init_transformer(key, many),
        loss=loss,
        batches=batches,
        validation=held_out,
        name="text",
        title="The next character of Python's help: a transformer",
        steps=300,
        target=2.3,
    )
