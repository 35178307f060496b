"""Law 24: nothing is promoted implicitly, neither dtypes nor ranks."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from adamx.numerics.x64 import enable_x64
from adamx.testing.law import NotTried, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params

KINDS = (("mixed", "mixed"), ("bfloat16", "float32"))
"""Dtypes of the parameters and of the gradients."""


@law(24)
def promotion(subject: Subject) -> None:
    """A step runs under strict dtype promotion and with rank promotion as an error.

    As `jax.numpy_dtype_promotion("strict")` and `jax.numpy_rank_promotion("raise")`
    have it, for parameters of one dtype and of several, and, where float64 is enabled,
    for hyperparameters that are Python numbers and for float32 arrays.
    """
    for dtypes in KINDS:
        _traced(subject, subject.tx, *dtypes)
    with enable_x64(True):
        for tx in _built(subject):
            _traced(subject, tx, *KINDS[0])


def _built(subject: Subject) -> Iterator[Any]:
    yield subject.tx
    try:
        yield subject.rebuilt(lambda name, value: jnp.float32(value))
    except NotTried:
        return


def _traced(subject: Subject, tx: Any, of_params: str, of_grads: str) -> None:
    start = params(of_params)
    gradient = grads(params(of_grads))

    def step(start: Any, gradient: Any) -> Any:
        return subject.apply(tx, gradient, tx.init(start), start)

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(step, start, gradient)
