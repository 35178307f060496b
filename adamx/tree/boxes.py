"""Boxes: pytree nodes around one array, such as the variables of Flax's nnx.

`nnx.Variable`, `flax.core.meta.Partitioned` and similar are nodes with one child.
Some functions of these libraries pass a tree of boxes, others the same tree with the
arrays alone. Paths and masks must be the same for both.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

KEYS = ("value", "raw_value", "array", "tree", "0")
"""The keys of a box's child: generic names, or the index if a class has no names.

A node whose only child has another name, such as a layer with a weight and no bias, is
not a box.
"""


def is_box(node: Any) -> bool:
    """Return whether `node` is a box: one leaf, under a generic key, in a class.

    Mappings, lists, tuples and NamedTuples are never boxes.
    """
    if node is None or isinstance(node, _NO_BOX):
        return False
    pairs, _ = jax.tree_util.tree_flatten_with_path(
        node, is_leaf=lambda x: x is not node
    )
    if len(pairs) != 1:
        return False
    path, child = pairs[0]
    # A leaf is its own only child, without a key.
    if not path or jax.tree_util.keystr(path, simple=True) not in KEYS:
        return False
    return child is None or jax.tree_util.all_leaves([child]) or is_box(child)


def unbox(tree: Any) -> Any:
    """Return `tree` with each box replaced by the leaf in it, None for an empty one."""
    return jax.tree.map(_inside, tree, is_leaf=lambda x: x is None or is_box(x))


_NO_BOX = (jax.Array, jax.ShapeDtypeStruct, np.ndarray, Mapping, list, tuple, str)


def _inside(x: Any) -> Any:
    return next(iter(jax.tree.leaves(x)), None) if is_box(x) else x
