"""Law 10: every leaf is handled, or refused by an error with its path."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.compare import alike, finite, leaves, outline
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads

ODD = {
    "a scalar": jnp.float32(2.0),
    "a leaf of size zero": jnp.zeros((0, 4)),
    "a Python float": 2.0,
    "complex numbers": jnp.array([1 + 2j, 3.0, 0.0]),
    "None": None,
}
"""Leaves that can be optimized."""

REFUSED = {
    "integers": jnp.arange(3),
    "bools": jnp.array([True, False]),
    "a random key": jax.random.key(0),
}
"""Leaves that can not; without an update, or with one of zero, they stay."""


@law(10)
def odd_leaves(subject: Subject) -> None:
    """Every leaf is handled, or refused by one error that names its key path.

    Scalars, arrays of size zero, Python floats, complex numbers, None and a tree
    without leaves are handled: the update is finite and like its parameter. Integers,
    bools and random keys are refused, or left as they are.
    """
    start = {**ODD, "w": jnp.ones((2, 3))}
    gradient = jax.tree.map(lambda p: grads(jnp.asarray(p)), start)
    for kind, at, g in (("odd leaves", start, gradient), ("no leaves", {}, {})):
        (updates, _), state = subject.run(subject.tx, at, [g] * 2)
        alike(updates, jax.tree.map(jnp.asarray, at), f"{kind}: the updates")
        finite(updates, f"{kind}: the updates")
        finite(state, f"{kind}: the state")
    for kind, leaf in REFUSED.items():
        _refused_or_kept(subject, kind, {"odd": leaf, "w": jnp.ones((2, 3))})


def _refused_or_kept(subject: Subject, kind: str, start: dict[str, Any]) -> None:
    # What jax.grad gives for them, with allow_int.
    gradient = {**start, "odd": np.zeros(start["odd"].shape, jax.dtypes.float0)}
    try:
        (updates,), _ = subject.run(subject.tx, start, [gradient])
    except Exception as error:
        require(
            isinstance(error, ValueError | TypeError) and "['odd']" in str(error),
            f"{kind}: the error does not say where",
            where="['odd']",
            expected="a ValueError or TypeError that names the key path",
            got=f"{type(error).__name__}: {str(error)[:200]}",
        )
        return
    for where, update in leaves(updates["odd"]):
        require(
            update.dtype == start["odd"].dtype and not jnp.any(update),
            f"{kind}: neither refused nor left as they are",
            where=f"['odd']{where}",
            expected=f"an error, or zeros like {outline(start['odd'])}",
            got=f"{outline(update)}: {update}",
        )
