"""Values in a state, found by name."""

import itertools
from collections.abc import Iterator
from typing import Any

from adamx.errors import TransformError, nearest
from adamx.tree.paths import children
from adamx.types import State

LISTED = 30
"""The most names that an error shows."""


def find(state: State, name: str) -> Any:
    """Return the value in a state by its name: `mu`, `count`, `learning_rate`, a piece.

    The name may be the end of a path, such as `scale_by_momentum/mu`, as long as it is
    unique; a name that begins with a slash is the whole path. It may go on into a tree:
    `mu/layer/w`.

    A hyperparameter that follows a schedule has the value used in the last step. Those
    of `inject_hyperparams` have the names that `set_hyperparams` takes. Constants are
    not in a state.

    Args:
        state: of any transform, Optax's too: nested dicts, tuples and NamedTuples.
        name: a key or field, or several with slashes between.

    Returns:
        The array, the tree like the parameters, or the part of the state.

    Raises:
        TransformError: there is no such name, or there are several; the message has
            the nearest, or the paths of all.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adam(adamx.linear_schedule(0.5, 0.0, 10))
        >>> g = {"w": jnp.array([1.0, 2.0])}
        >>> _, state = tx.update(g, tx.init(g))
        >>> [round(float(x), 6) for x in adamx.find(state, "mu")["w"]]
        [0.1, 0.2]
        >>> float(adamx.find(state, "learning_rate")), int(adamx.find(state, "count"))
        (0.5, 1)
    """
    found = find_all(state, name)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise TransformError(
            f"there are {len(found)} of {name!r} in the state",
            expected="a name, or an end of a path, that there is once",
            got=", ".join(found),
            hint="say more of the path; one that begins with a slash is the whole",
        )
    names = [*dict.fromkeys(_names(state))]
    raise TransformError(
        f"there is no {name!r} in the state",
        expected=_listed(names),
        got=repr(name),
        hint=nearest(name, names)
        or "hyperparameters are in it if scheduled, or by inject_hyperparams",
    )


def find_all(state: State, name: str) -> dict[str, Any]:
    """Return all values in a state with a name, by their paths.

    The search does not go on inside a value that it has found.

    See `find` for the other arguments.

    Returns:
        From paths like `scale_by_momentum/mu` to arrays, trees like the parameters,
        or parts of the state; empty if there is none.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.fork(lambda a, b: a + b, a=adamx.trace(0.5), b=adamx.trace(0.9))
        >>> [*adamx.find_all(tx.init(jnp.ones(2)), "trace/trace")]
        ['fork/a/trace/trace', 'fork/b/trace/trace']
    """
    return dict(_matches(state, "", "/" + name.removeprefix("/"), name[:1] == "/"))


def _matches(node: Any, path: str, end: str, whole: bool) -> Iterator[tuple[str, Any]]:
    for key, child in (children(node, simple=True) or {}).items():
        here = f"{path}/{key}"
        if here == end or (not whole and here.endswith(end)):
            yield here.removeprefix("/"), child
        else:
            yield from _matches(child, here, end, whole)


def _names(state: Any) -> Iterator[str]:
    """Return all names, those nearest to the root first."""
    level = [state]
    while level:
        found = [children(node, simple=True) or {} for node in level]
        yield from (n for names in found for n in names if not n.isdecimal())
        level = [*itertools.chain.from_iterable(names.values() for names in found)]


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing: this state has no names"
    more = ", …" if len(names) > LISTED else ""
    return f"one of {', '.join(names[:LISTED])}{more}"
