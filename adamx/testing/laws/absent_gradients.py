"""Law 22: a parameter without a gradient stays as it is."""

from typing import Any

import jax

from adamx.testing.compare import alike, leaves, same
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params

ABSENT = "['layer']['w']"


@law(22)
def absent_gradients(subject: Subject) -> None:
    """Without a gradient a parameter has no update, and its state stays as it was.

    None in the updates for a parameter that is there gives None: for one leaf, for a
    subtree and for all. The state keeps its structure, shapes and dtypes. What it holds
    for that leaf stays the same to the bit.
    """
    start = params()
    full = grads(start)
    first = subject.init(start)
    _, state = subject.update(full, first, start)
    some = {**full, "layer": {**full["layer"], "w": None}}
    updates, after = subject.update(some, state, start)
    _fits(updates, some, after, state, "one leaf")
    before = dict(leaves(state))
    for where, now in leaves(after):
        if where.endswith(ABSENT):
            same(now, before[where], f"the state of a leaf without gradient: {where}")
    for kind, g in {
        "a subtree": {**full, "layer": None},
        "all leaves": jax.tree.map(lambda _: None, full),
    }.items():
        found = jax.eval_shape(subject.update, g, first, start)
        _fits(found[0], g, found[1], first, kind)


def _fits(updates: Any, given: Any, after: Any, before: Any, kind: str) -> None:
    require(
        jax.tree.structure(updates) == jax.tree.structure(given),
        f"no gradient of {kind}: an update where there is no gradient, or none",
        expected=jax.tree.structure(given),
        got=jax.tree.structure(updates),
    )
    alike(after, before, f"no gradient of {kind}: the state", weak=True)
