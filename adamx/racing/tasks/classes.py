"""Tasks whose batches are inputs and their classes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from adamx.racing.task import Task, drawn
from adamx.racing.tasks.mlp import cross_entropy, share_right
from adamx.racing.tasks.split import Split

OfLogits: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]


def classification(
    data: Split,
    logits: Callable[[Any, jax.Array], jax.Array],
    batch_size: int,
    loss: OfLogits = cross_entropy,
    right: OfLogits = share_right,
    **rest: Any,
) -> Task:
    """Return a task of data with classes, for a network `logits(params, x)`.

    `loss` and `right` are of logits and classes; `rest` is what else a task has.
    """

    def of_batch(params: Any, batch: Any) -> jax.Array:
        x, y = batch
        return loss(logits(params, x), y)

    return Task(
        loss=of_batch,
        batches=drawn((data.train_x, data.train_y), batch_size),
        validation=(data.test_x, data.test_y),
        accuracy=lambda params: right(logits(params, data.test_x), data.test_y),
        **rest,
    )
