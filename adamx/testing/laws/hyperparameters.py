"""Law 2: a hyperparameter is never rounded to 16 bits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.compare import same
from adamx.testing.law import law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(2, grid=True)
def hyperparameters(subject: Subject) -> None:
    """A hyperparameter is never rounded to 16 bits, however it is given.

    A number, an array, a tracer, a schedule and a value kept in the state all give the
    same updates, for bfloat16 as for float32 parameters: b2 = 0.999 stays 0.999, which
    bfloat16 would make 1.
    """
    subject.numbers()
    # float32 numbers, so that all the ways to give them can mean the same one.
    plain = subject.rebuilt(lambda name, x: float(np.float32(x)))
    some = {"bfloat16 beside float32": params("bfloat16") | {"scalar": jnp.ones(())}}
    more = {dtype: params(dtype) for dtype in ("bfloat16", "float32", "mixed")}
    for kind, start in (some | more if subject.full else some).items():
        inputs = [grads(start, seed) for seed in range(3)]
        expected, _ = subject.run(plain, start, inputs)
        for way, updates in _ways(subject, start, inputs).items():
            what = f"{kind} updates with {way} hyperparameters"
            # (1 − b) is rounded in float32 instead of float64, and so are the products
            # of the scalars of a chain: 8 roundings of relative size 2⁻²⁴ in 3 steps.
            same(updates, expected, what, ulps=4)


def _ways(subject: Subject, start: Any, inputs: list[Any]) -> dict[str, Any]:
    values = {name: jnp.float32(x) for name, x in subject.numbers().items()}

    def given(values: dict[str, Any]) -> Any:
        return subject.rebuilt(lambda name, _: values[name])

    @jax.jit
    def traced(values: dict[str, Any], g: Any, state: Any) -> Any:
        return subject.apply(given(values), g, state, start)

    state, out = jax.jit(lambda values: given(values).init(start))(values), []
    for g in inputs:
        updates, state = traced(values, g, state)
        out.append(updates)

    def scheduled(name: str, _: float) -> Callable[[Any], Any]:
        return lambda count: values[name]

    ways = {
        "concrete float32": subject.run(given(values), start, inputs)[0],
        "traced": out,
    }
    if subject.schedules:
        ways["scheduled"] = subject.run(subject.rebuilt(scheduled), start, inputs)[0]
    if subject.injected is not None:
        tx = subject.injected({name: float(x) for name, x in values.items()})
        ways["injected"] = subject.run(tx, start, inputs)[0]
    return ways
