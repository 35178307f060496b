"""Law 11: a wrong argument fails at once, and the error says where."""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.law import NotTried, Violation, law, require
from adamx.testing.subject import Subject

WRONG = {"b1": 1.5, "b2": -0.5, "decay": 1.5, "eps": -1.0, "max_norm": -1.0}
"""Values that no hyperparameter of the name may have."""


@law(11)
def errors(subject: Subject) -> None:
    """A wrong argument fails at once; the error says what, where, expected and got.

    Tried with a gradient of shape (3, 4) for a parameter of shape (3, 1), a missing
    gradient, a state of other parameters, a value that is no state, missing parameters
    that are needed, and a hyperparameter that is NaN or outside its range.
    """
    start = {"layer": {"w": jnp.ones((3, 1))}, "b": jnp.ones(3)}
    state = subject.fresh(start)

    def update(g: Any, state: Any = state, params: Any = start) -> Callable[[], Any]:
        return lambda: subject.apply(subject.tx, g, state, params)

    wide = {**start, "layer": {"w": jnp.ones((3, 4))}}
    words = ["['layer']['w']", "[3,1]", "[3,4]"]
    _says("a gradient of another shape", update(wide), words)
    _says("a missing gradient", update({"layer": start["layer"]}), ["['b']"])
    other = subject.fresh({"layer": {"w": jnp.ones((2, 2))}, "b": jnp.ones(3)})
    shapes = ([*map(np.shape, jax.tree.leaves(x))] for x in (state, other))
    # The slots of a leaf may depend on its shape.
    changed = {(a, b) for a, b in zip_longest(*shapes) if a != b}
    if changed:
        # The error names both shapes only if the slots have the parameters' shapes.
        like_params = ["[3,1]", "[2,2]"] if changed == {((3, 1), (2, 2))} else []
        words = ["state", "['layer']['w']", *like_params]
        _says("the state of other parameters", update(start, other), words)
    if jax.tree.leaves(state):
        _says("no state at all", update(start, ()), ["state", "expected"])
    try:
        update(start, state, None)()
    except Exception as error:
        _clear("no parameters, which are needed", error, ["param"])
    for name, value in _bad(subject).items():
        build = lambda n, x, name=name, value=value: value if n == name else x  # noqa: E731
        words = [name.rsplit(".", 1)[-1], "expected", str(value)]
        _says(f"{name} = {value}", lambda b=build: subject.rebuilt(b), words)


def _bad(subject: Subject) -> dict[str, float]:
    try:
        names = subject.numbers()
    except NotTried:
        return {}
    return {name: WRONG.get(name.rsplit(".", 1)[-1], float("nan")) for name in names}


def _says(what: str, call: Callable[[], Any], words: list[str]) -> None:
    try:
        call()
    except Exception as error:
        _clear(what, error, words)
        return
    raise Violation(f"{what} is accepted", expected=f"an error with {words}")


def _clear(what: str, error: Exception, words: list[str]) -> None:
    text = str(error)
    missing = [word for word in words if word not in text]
    require(
        isinstance(error, ValueError | TypeError) and not missing,
        f"{what}: the error is not clear",
        expected=f"a ValueError or TypeError that says {', '.join(words)}",
        got=f"{type(error).__name__}: {text[:300]}",
    )
