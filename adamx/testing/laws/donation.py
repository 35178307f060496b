"""Law 9: a state can be donated."""

from typing import Any

import jax

from adamx.testing.compare import leaves
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(9)
def donation(subject: Subject) -> None:
    """A fresh state and every later one can be donated to a jitted update.

    No two arrays of a state share a buffer, and none shares one with a parameter.
    """
    start = params()
    state = subject.init(start)
    _own_buffers(state, start, "a fresh state")
    step = jax.jit(
        lambda g, state: subject.apply(subject.tx, g, state, start), donate_argnums=1
    )
    gradient = grads(start)
    for i in range(3):
        _, state = step(gradient, state)
        _own_buffers(state, start, f"the state after step {i + 1}")


def _own_buffers(state: Any, start: Any, what: str) -> None:
    taken = {_buffer(leaf): f"the parameter {where}" for where, leaf in leaves(start)}
    for where, leaf in leaves(state):
        if leaf.size:
            shared = taken.setdefault(_buffer(leaf), where)
            require(
                shared == where,
                f"two arrays share a buffer in {what}",
                where=where,
                expected="a buffer of its own",
                got=f"the one of {shared}",
            )


def _buffer(leaf: Any) -> int:
    return leaf.unsafe_buffer_pointer()
