"""Law 20: nothing outlives its owner."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from adamx.testing.compare import leaves
from adamx.testing.law import NotTried, Violation, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(20)
def memory(subject: Subject) -> None:
    """Nothing that a user made outlives the user's last reference to it.

    The arrays that a step got and made, and functions among its arguments, are freed
    once the user drops them. Hyperparameters and schedules may be traced: no tracer
    outlives its trace, as `jax.check_tracer_leaks` sees it.
    """
    there = _after_a_step(subject)
    if any(find() is not None for _, find in there):
        gc.collect()
    for what, find in there:
        if find() is not None:
            raise Violation(
                f"{what} outlives the step",
                expected="nothing that refers to it",
                got=_referrers(find()),
            )
    try:
        _no_tracer_is_left(subject)
    except NotTried:
        return  # it has no hyperparameters


def _after_a_step(subject: Subject) -> list[tuple[str, Callable[[], Any]]]:
    """Return weak references to the arrays and functions of a step."""
    start = params()
    g = grads(start)
    extra = subject.extra(g, start) if subject.extra else {}
    functions = {k: _fresh(f) for k, f in extra.items() if callable(f)}
    state = subject.init(start)
    updates, after = subject.tx.update(g, state, start, **{**extra, **functions})
    trees = {"parameters": start, "updates": (g, updates), "state": (state, after)}
    found = [
        (f"{name}{where}", weakref.ref(x))
        for name, tree in trees.items()
        for where, x in leaves(tree)
        if isinstance(x, jax.Array)
    ]
    return found + [(name, weakref.ref(f)) for name, f in functions.items()]


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a wrapper of a function that nothing else refers to."""

    def own(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return own


def _referrers(x: Any) -> str:
    return ", ".join(sorted({type(y).__name__ for y in gc.get_referrers(x)}))


def _no_tracer_is_left(subject: Subject) -> None:
    values = {name: jnp.float32(x) for name, x in subject.numbers().items()}
    # One trace for both: every other hyperparameter is a schedule of a tracer.
    scheduled = {*[*values][::2]} if subject.schedules else set()
    start = params()

    def step(values: dict[str, Any], g: Any) -> Any:
        def given(name: str, _: float) -> Any:
            return _schedule(values[name]) if name in scheduled else values[name]

        tx = subject.rebuilt(given)
        return subject.apply(tx, g, tx.init(start), start)

    try:
        with jax.check_tracer_leaks():
            jax.eval_shape(step, values, grads(start))
    except Exception as error:
        if "Leaked" not in str(error):
            raise
        raise Violation(
            "a tracer outlives its trace",
            expected="no leak",
            got=str(error).strip().splitlines()[-1],
        ) from None


def _schedule(value: Any) -> Callable[[Any], Any]:
    return lambda count: value
