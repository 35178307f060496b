"""Convert a state of Optax, without importing Optax."""

from collections.abc import Mapping
from typing import Any

import jax

from adamx.core.transform import TransformLike
from adamx.errors import TransformError
from adamx.interop.adopt import adopted, one_count
from adamx.tree.check import flatten_like
from adamx.tree.paths import structure
from adamx.types import Params

MOMENTS: Mapping[str, tuple[str, ...]] = {
    "ScaleByAdamState": ("mu", "nu"),
    "ScaleByRmsState": ("nu",),
    "TraceState": ("trace",),
}
"""The fields of Optax's states that are slots of adamx with the same names."""

OTHERS = (
    "EmptyState",
    "MaskedState",
    "ScaleByScheduleState",
    "InjectHyperparamsState",
    "InjectStatefulHyperparamsState",
    "WrappedScheduleState",
)
"""The Optax states that contain only counts, numbers and other states."""


def from_optax(
    opt_state: Any, tx: TransformLike, params: Params, *, count: int | None = None
) -> dict[str, Any]:
    """Return the state of `tx` that continues from an Optax state.

    It converts states of Optax 0.2: of Adam in all its forms, SGD with momentum and
    RMSProp, alone or in a chain with pieces without state; also masked, with schedules
    and with `inject_hyperparams`. Hyperparameters are those of `tx`, unless both states
    keep them. Scalars of adamx, such as those of the bias correction, are computed by
    `count` steps on a tree without leaves: less than a second for a million.

    Args:
        opt_state: the tuple that `init` or `update` of the Optax transform returned,
            with concrete arrays.
        tx: the adamx transform to continue with, built with the same options.
        params: the parameters.
        count: the number of steps taken, if `opt_state` has no count.

    Returns:
        The state for `tx.update`, like `tx.init(params)`.

    Raises:
        TransformError: a piece of either state has no counterpart in the other, shapes
            differ, or the number of steps is unknown or ambiguous.

    Example:
        >>> import collections
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> ScaleByAdamState = collections.namedtuple(
        ...     "ScaleByAdamState", ["count", "mu", "nu"]
        ... )
        >>> theirs = (ScaleByAdamState(1, jnp.array(0.1), jnp.array(0.001)), ())
        >>> state = adamx.from_optax(theirs, adamx.adam(0.5), jnp.array(1.0))
        >>> round(float(adamx.adam(0.5).update(jnp.array(1.0), state)[0]), 4)
        -0.5
    """
    moments: dict[str, list[Any]] = {}
    counts: dict[str, int] = {}
    numbers: dict[str, Any] = {}
    for path, part in _states(opt_state, ""):
        kind, fields = type(part).__name__, part._asdict()
        for name in MOMENTS.get(kind, ()):
            if name in moments:
                raise TransformError(
                    f"the Optax state has more than one {name!r}",
                    where=path,
                    expected="one optimizer",
                    got="several in one state",
                    hint="bring them over one by one",
                )
            moments[name] = _leaves(fields[name], params, name)
        if "count" in fields:
            counts[f"{path} ({kind})"] = int(fields["count"])
        numbers |= fields.get("hyperparams", {})
    if count is None:
        count = one_count(counts, "the counts in the Optax state differ")
    return adopted(tx, params, moments, count, numbers)


def _states(node: Any, path: str) -> list[tuple[str, Any]]:
    """Return the path and the state of each piece in an Optax state."""
    if not isinstance(node, tuple):
        raise _unknown(node, path)
    if not hasattr(node, "_fields"):
        inner = (_states(part, f"{path}[{i}]") for i, part in enumerate(node))
        return [found for part in inner for found in part]
    if type(node).__name__ not in (*MOMENTS, *OTHERS):
        raise _unknown(node, path)
    found = [(path, node)]
    inner = getattr(node, "inner_state", ())
    return found + _states(inner, f"{path}.inner_state")


def _unknown(node: Any, path: str) -> TransformError:
    inner = [name for name in getattr(node, "_fields", ()) if name.startswith("inner")]
    return TransformError(
        "a part of the Optax state is not known here",
        where=path or "the state itself",
        expected=f"a tuple, or one of {', '.join((*MOMENTS, *OTHERS))}",
        got=f"a {type(node).__name__}",
        hint=f"bring over its {inner[0]}, and wrap it with adamx.migrate"
        if inner
        else None,
    )


def _leaves(tree: Any, params: Params, name: str) -> list[Any]:
    """Return the moment of each parameter; None for a masked parameter."""
    leaves = flatten_like(
        structure(params), tree, f"the Optax state's {name!r}", params
    )
    return [None if _is_masked(leaf) else leaf for leaf in leaves]


def _is_masked(leaf: Any) -> bool:
    return leaf is None or not jax.tree.leaves(leaf)
