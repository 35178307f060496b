"""Law 17: equal to an independent implementation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.numerics.x64 import enable_x64
from adamx.testing.compare import require
from adamx.testing.law import NotTried, law
from adamx.testing.subject import Subject, kept_parameters
from adamx.testing.trees import Trajectory, cast


@law(17)
def truth(subject: Subject) -> None:
    """Updates equal those of an independent implementation, or of the paper's formula.

    Over 50 steps or more, on two problems or more: within 1e-12 of a step of the
    reference's path in float64; each float32 update within 1e-6 of a step of the
    float64 one.
    """
    if not subject.references:
        raise NotTried("no reference is given")
    follow = follower(subject)
    double_precision(subject, follow)
    _single_precision(subject, subject.references[0], follow)


def double_precision(subject: Subject, follow: Callable[..., Any]) -> None:
    """Require the path in float64 to be that of each reference."""
    for reference in subject.references:
        with enable_x64(True):
            away = deviation(subject, reference, follow)
        require(
            # The parameters add up 60 steps, each rounded to 2⁻⁵³ of a parameter of
            # order 1: in steps of 1e-2 that is 60·1.1e-16/1e-2 = 7e-13 at the worst.
            away <= reference.tolerance,
            "in float64 it leaves the path of the reference",
            expected=f"within {reference.tolerance:.0e} of a step",
            got=f"{away:.1e} of a step away",
        )


def follower(subject: Subject) -> Callable[..., Any]:
    """Return a function that follows stacked gradients from parameters and a state.

    It gives the last state, the updates of each step and the parameters after it. They
    move unless `moves` is false: one program serves both, because to compile it takes
    longer than to run it.
    """

    def follow(params: Any, state: Any, grads: Any, moves: Any = True) -> Any:
        def step(carry: Any, g: Any) -> Any:
            params, state = carry
            updates, state = subject.apply(subject.tx, g, state, params)
            moved = subject.kit.apply_updates(params, updates)
            params = jax.tree.map(lambda a, b: jnp.where(moves, a, b), moved, params)
            return (params, state), (updates, params)

        (_, state), out = jax.lax.scan(step, (params, state), grads)
        return state, *out

    return jax.jit(follow)


def deviation(
    subject: Subject, reference: Trajectory, follow: Callable[..., Any]
) -> float:
    """Return how far the path in float64 is from the reference, in its largest step."""
    start = jax.tree.map(jax.device_put, dict(reference.params))
    inputs = jax.tree.map(lambda *g: jax.device_put(np.stack(g)), *reference.grads)
    *_, path = follow(start, subject.fresh(start), inputs, True)
    steps = [
        np.abs(np.asarray(path[name]) - right).max()
        / _largest_step(right, reference.params[name])
        for name, right in reference.path.items()
    ]
    # Python's max leaves out a NaN that is not the first.
    return float(np.max(steps))


def _largest_step(path: np.ndarray, first: np.ndarray) -> float:
    return float(np.abs(np.diff(np.concatenate([first[None], path]), axis=0)).max())


def _single_precision(
    subject: Subject, reference: Trajectory, follow: Callable[..., Any]
) -> None:
    """Require each float32 update to be within 1e-6 of a step of the float64 one.

    A transform that multiplies rounding errors, as its `gain` says, may be so many
    times as far. The parameters are held and of few bits: adding the steps up would
    measure the rounding of the parameters, not of the optimizer. Both precisions get
    the same rounded gradients.

    A slot that began as the parameters adds the steps up all the same. One addition is
    rounded by up to 2⁻²⁴ of the sum, 2⁻²⁴/√3 on the average, and 60 of them by √60
    times that: five times this is what an update may be away besides.
    """

    def run(dtype: str) -> Any:
        start = cast(cast(dict(reference.params), "bfloat16"), dtype)
        stacked = jax.tree.map(lambda *g: np.stack(g), *reference.grads)
        inputs = cast(cast(stacked, "float32"), dtype)
        state, updates, _ = follow(start, subject.fresh(start), inputs, False)
        return jax.tree.map(np.asarray, updates), (start, state)

    ours, _ = run("float32")
    with enable_x64(True):
        exact, end = run("float64")
        kept = kept_parameters(subject, *end)
        largest = max((float(jnp.abs(x).max()) for _, x in kept), default=0.0)
    sums = 5 * (len(reference.grads) / 3) ** 0.5 * 2**-24 * largest
    for name, right in exact.items():
        step = np.abs(right).max()
        away = np.abs(ours[name] - right).max() / step
        allowed = 1e-6 * subject.gain + sums / step
        require(
            away <= allowed,
            "a float32 update is away from the float64 one",
            where=f"[{name!r}]",
            expected=f"within {allowed:.1e} of the largest step",
            got=f"{away:.1e} of it away",
        )
