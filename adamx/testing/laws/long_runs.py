"""Law 15: correct after ten million steps, and at the end of int32."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.numerics.x64 import enable_x64
from adamx.testing.compare import close, finite, leaves, wide
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import cast, grads, params

STEPS = 30_000
RTOL = 2**-24 / (1 - 0.999) / 2
FACTORS = (1.0, -0.5, 0.25, 2.0, -1.0, 0.5, 1.5, -0.75)
LAST = np.iinfo(np.int32).max


@law(15)
def long_runs(subject: Subject) -> None:
    """Updates are right after many steps; counts stop at the end of int32.

    After 30,000 steps every average with a decay up to 0.999 has long settled. Then the
    update in float32 is within 3e-5 of that in float64, because a float32 average of
    nearly constant numbers stops up to 2⁻²⁴/(1−b) short of them, or half that after a
    root. The same holds with the counts in the state at 10⁷. Counts stop at the largest
    int32, and updates stay finite there.
    """
    start = {"w": params()["layer"]["w"]}
    gradient = grads(start)
    late = {}
    for dtype in ("float32", "float64"):
        with enable_x64(dtype == "float64"):
            at, g = cast(start, dtype), cast(gradient, dtype)
            late[dtype] = subject.scan(at, g, STEPS, FACTORS)
    _right(late, f"after {STEPS} steps")
    if any(map(_is_count, jax.tree.leaves(late["float32"][1]))):
        for dtype in late:
            with enable_x64(dtype == "float64"):
                at, g = cast(start, dtype), cast(gradient, dtype)
                state = _set_counts(late[dtype][1], 10**7)
                late[dtype] = subject.scan(at, g, 1, state=state)
        _right(late, "with counts at 10⁷")
        _at_the_end(subject, start, gradient, late["float32"][1])


def _right(late: dict[str, Any], what: str) -> None:
    got, expected = (late[dtype][0]["w"] for dtype in ("float32", "float64"))
    close(got, wide(expected), f"{what} the update", "['w']", RTOL)


def _at_the_end(subject: Subject, start: Any, gradient: Any, state: Any) -> None:
    state = _set_counts(state, LAST)
    for _ in range(2):
        updates, state = subject.scan(start, gradient, 1, state=state)
        finite(updates, "with counts at the end of int32: an update")
        for where, leaf in leaves(state):
            if _is_count(leaf):
                require(
                    int(leaf) >= 0,
                    "a count wraps round",
                    where=where,
                    expected=f"{LAST}, the end of int32, or a new start from 0",
                    got=int(leaf),
                )


def _is_count(leaf: Any) -> bool:
    return jnp.shape(leaf) == () and jnp.issubdtype(leaf.dtype, jnp.signedinteger)


def _set_counts(state: Any, value: int) -> Any:
    return jax.tree.map(lambda x: jnp.full_like(x, value) if _is_count(x) else x, state)
