"""Law 3: the state after an update is of the same kind as before."""

import itertools
from typing import Any

import jax

from adamx.numerics.x64 import enable_x64
from adamx.testing.compare import alike, leaves, outline
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import DTYPES, grads, params, stacked

SOME = (
    ("bfloat16", "float32"),
    ("float32", "bfloat16"),
    ("float64", "float16"),
    ("mixed", "float64"),
    ("float32", "float32"),
)


@law(3, grid=True)
def fixed_point(subject: Subject) -> None:
    """The state is of the same kind before and after an update.

    For every dtype of the parameters and of the gradients, shapes, dtypes, weak types
    and the tree of the state stay as `init` made them, and updates have the dtype of
    their parameters. So `lax.scan` and `lax.cond` over a step work, and a second call
    of a jitted step compiles nothing.
    """
    kinds = (*DTYPES, "mixed")
    with enable_x64(True):
        for of_params, of_grads in itertools.product(kinds, kinds):
            if subject.full or (of_params, of_grads) in SOME:
                start = params(of_params)
                _avals(subject, start, grads(params(of_grads)), of_params, of_grads)
        start = params("bfloat16")
        _transformed(subject, start, grads(params("float32")))


def _avals(
    subject: Subject, start: Any, gradient: Any, of_params: str, of_grads: str
) -> None:
    def abstract(start: Any, gradient: Any) -> Any:
        state = subject.init(start)
        return state, *subject.apply(subject.tx, gradient, state, start)

    what = f"{of_grads} gradients of {of_params} parameters"
    before, updates, after = jax.eval_shape(abstract, start, gradient)
    alike(after, before, f"{what}: the state", weak=True)
    for (where, u), (_, p) in zip(leaves(updates), leaves(start), strict=True):
        require(
            (u.dtype, u.shape) == (p.dtype, p.shape),
            f"{what}: an update is not like its parameter",
            where=where,
            expected=outline(p),
            got=outline(u),
        )


def _transformed(subject: Subject, start: Any, gradient: Any) -> None:
    traces = 0

    def update(g: Any, state: Any) -> Any:
        nonlocal traces
        traces += 1
        return subject.apply(subject.tx, g, state, start)

    jitted, state = jax.jit(update), subject.fresh(start)
    for _ in range(3):
        _, state = jitted(gradient, state)
    require(
        traces == 1, "a jitted update was traced again", expected="once", got=traces
    )

    def step(state: Any, g: Any) -> Any:
        def update(state: Any) -> Any:
            return subject.apply(subject.tx, g, state, start)[1]

        return jax.lax.cond(True, update, lambda state: state, state), None

    jax.eval_shape(
        lambda state, g: jax.lax.scan(step, state, g), state, stacked([gradient] * 2)
    )
