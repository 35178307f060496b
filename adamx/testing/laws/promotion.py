"""Law 24: nothing is promoted implicitly, neither dtypes nor ranks."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from adamx.testing.law import NotTried, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params

KINDS = (("float32", "float32"), ("mixed", "mixed"), ("bfloat16", "float32"))
"""Dtypes of the parameters and of the gradients."""


@law(24)
def promotion(subject: Subject) -> None:
    """A step runs under strict dtype promotion and with rank promotion as an error.

    As `jax.numpy_dtype_promotion("strict")` and `jax.numpy_rank_promotion("raise")`
    have it, for parameters of one dtype and of several, with hyperparameters that are
    Python numbers or arrays, with and without float64.
    """
    for x64 in (False, True):
        with jax.enable_x64(x64):
            for tx in _built(subject):
                for of_params, of_grads in KINDS:
                    _traced(subject, tx, of_params, of_grads)


def _built(subject: Subject) -> Iterator[Any]:
    yield subject.tx
    try:
        yield subject.rebuilt(lambda name, value: jnp.float32(value))
    except NotTried:
        return


def _traced(subject: Subject, tx: Any, of_params: str, of_grads: str) -> None:
    start = params(of_params)
    gradient = grads(params(of_grads))

    def steps(start: Any, gradient: Any) -> Any:
        state = tx.init(start)
        for _ in range(2):
            updates, state = subject.apply(tx, gradient, state, start)
        return updates, state

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(steps, start, gradient)
