"""Frozen leaves, and the selection of leaves of a tree."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.hyperparameters.labels import Masks, labels_of
from adamx.tree.callables import is_function
from adamx.tree.frozen_numbers import Held, held_numbers, is_mask
from adamx.tree.paths import flatten, key_paths
from adamx.types import Params, PyTree, Updates


class Freeze(TreeTransform):
    """A mask of frozen leaves; `Plan` removes these leaves before any piece runs."""

    name: str
    mask: Masks

    def holds(self, params: Params) -> list[bool]:
        """Return for each leaf whether it is frozen."""
        found = self._labels(params)
        return [not is_mask(x) and bool(x) for x in found]

    def held(self, params: Params) -> Held:
        """Return the masks of the leaves with single frozen numbers."""
        return held_numbers(self._labels(params), params, self.name)

    def _labels(self, params: Params) -> list[Any]:
        held = labels_of(self.mask, params, self.name, numbers=True)
        for i, x in enumerate(held):
            if x is not None and not is_mask(x) and x not in (True, False):
                raise TransformError(
                    "a mask must be of bools",
                    where=key_paths(params)[i],
                    piece=self.name,
                    expected="True or False, or an array of bools of the leaf's shape",
                    got=repr(x),
                )
        return held


def select_leaves(tree: PyTree, chosen: list[bool]) -> PyTree:
    """Return `tree` with None for the leaves that are not chosen."""
    leaves, treedef = flatten(tree)
    pairs = zip(leaves, chosen, strict=True)
    return treedef.unflatten([leaf if yes else None for leaf, yes in pairs])


def fill_missing(
    extra: Mapping[str, Any], params: Params | None, chosen: list[bool]
) -> dict[str, Any]:
    """Wrap the functions in `extra` so that they take the chosen parameters alone.

    A loss takes all parameters, so the wrapper fills in the other leaves unchanged.
    """
    calls = {k for k, v in extra.items() if is_function(v, params)}
    if params is None or not calls:
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

    return {k: of_all(v) if k in calls else v for k, v in extra.items()}


def zero_unselected(updates: Updates, params: Params, chosen: list[bool]) -> Updates:
    """Return `updates` with a zero update for every leaf that is not chosen."""
    leaves, treedef = flatten(updates)
    for i, (p, yes) in enumerate(zip(flatten(params)[0], chosen, strict=True)):
        if not yes and p is not None:
            leaves[i] = no_update(p)
    return treedef.unflatten(leaves)


def no_update(param: Any) -> Any:
    """Return the update that does not change `param`."""
    if jnp.issubdtype(jnp.result_type(param), jax.dtypes.extended):
        return None  # a random key has no zero; None leaves it unchanged
    # Computed from `param`, so that the zeros get its sharding.
    return jnp.where(False, param, jnp.zeros((), jnp.result_type(param)))
