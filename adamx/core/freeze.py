"""Parts of a tree: which leaves a mask means, and leaves that stay as they are."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.errors import TransformError
from adamx.core.frozen_numbers import Held, held_numbers, is_mask
from adamx.core.node import Node
from adamx.core.types import Params, PyTree, Updates
from adamx.tree.paths import flatten, simple_paths

Labels: TypeAlias = PyTree | Callable[..., Any]
"""A tree of labels like the parameters (or a prefix of it), a function from the
parameters to such a tree, or a function `(path, leaf) -> label`."""


class Freeze(Node):
    """Marks leaves that the whole chain leaves alone; `Plan` sees to it."""

    name: str
    mask: Labels

    def holds(self, params: Params) -> list[bool]:
        """For each leaf, whether it is frozen."""
        found = labels_of(self.mask, params, self.name)
        return [not is_mask(x) and bool(x) for x in found]

    def held(self, params: Params) -> Held:
        """The masks of leaves of which some numbers are frozen."""
        found = labels_of(self.mask, params, self.name)
        return held_numbers(found, params, self.name)


def labels_of(labels: Labels, params: Params, piece: str) -> list[Any]:
    """The label of each leaf of `params`; only structure, paths and shapes count.

    Raises:
        TransformError: the labels are a tree of another structure.
    """
    leaves, treedef = flatten(params)
    if callable(labels):
        if len(inspect.signature(labels).parameters) == 2:
            pairs = zip(simple_paths(params), leaves, strict=True)
            return [
                None
                if p is None
                else labels(path, p if hasattr(p, "shape") else np.asarray(p))
                for path, p in pairs
            ]
        labels = labels(params)
    try:
        return treedef.flatten_up_to(jax.tree.broadcast(labels, params, _is_label))
    except (ValueError, TypeError, KeyError) as error:
        raise TransformError(
            "the labels are a tree of another structure than the parameters",
            piece=piece,
            expected=str(treedef),
            got=str(jax.tree.structure(labels)),
            do="give a tree like the parameters (or a prefix of it), or a function",
        ) from error


def keep(tree: PyTree, chosen: list[bool]) -> PyTree:
    """`tree` with None for the leaves that are not chosen."""
    leaves, treedef = flatten(tree)
    pairs = zip(leaves, chosen, strict=True)
    return treedef.unflatten([leaf if yes else None for leaf, yes in pairs])


def filled(
    extra: Mapping[str, Any], params: Params | None, chosen: list[bool]
) -> dict[str, Any]:
    """`extra`, with functions that can be called with the chosen parameters alone.

    A loss is a function of all of them: those that were not chosen are as they are.
    """
    if params is None or not any(map(callable, extra.values())):
        return dict(extra)
    whole, treedef = flatten(params)

    def of_all(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(some: Any, *args: Any, **kwargs: Any) -> Any:
            leaves, structure = flatten(some)
            if structure == treedef:
                rows = zip(leaves, whole, chosen, strict=True)
                some = treedef.unflatten([s if yes else w for s, w, yes in rows])
            return function(some, *args, **kwargs)

        return call

    return {k: of_all(v) if callable(v) else v for k, v in extra.items()}


def zero_rest(updates: Updates, params: Params, chosen: list[bool]) -> Updates:
    """`updates` with a zero, in the parameter's dtype, for every leaf not chosen."""
    leaves, treedef = flatten(updates)
    for i, (p, yes) in enumerate(zip(flatten(params)[0], chosen, strict=True)):
        if not yes and p is not None:
            leaves[i] = no_update(p)
    return treedef.unflatten(leaves)


def no_update(param: Any) -> Any:
    """The update that leaves `param` as it is."""
    if jnp.issubdtype(jnp.result_type(param), jax.dtypes.extended):
        return None  # a random key has no zero; None leaves it as it is
    # Zeros that come from the parameter are where it is, on one device or on many.
    return jnp.where(False, param, jnp.zeros((), jnp.result_type(param)))


def _is_label(x: Any) -> bool:
    return x is None
