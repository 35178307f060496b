"""Leaves with their key paths; None counts as a leaf, so that it passes through."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax

from adamx.tree.boxes import is_box
from adamx.tree.text import shortened

PyTreeDef = Any

MISFITS = ValueError, TypeError, KeyError
"""The exceptions of JAX's `flatten_up_to` for a tree of another structure."""

is_none = functools.partial(operator.is_, None)
"""Return whether a value is None, for `is_leaf` of jax; in C, because it is called
for each node of a tree."""


def is_leaf(x: Any) -> bool:
    """Return whether `x` is a leaf; None is a leaf."""
    return jax.tree_util.all_leaves([x], is_leaf=is_none)


def flatten(tree: Any) -> tuple[list[Any], PyTreeDef]:
    """Return the leaves of `tree`, None included, and its structure."""
    return jax.tree.flatten(tree, is_leaf=is_none)


def key_paths(tree: Any) -> list[str]:
    """Return the key path of each leaf of `flatten`, such as `['layer']['w']`."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_none)
    return [jax.tree_util.keystr(path) for path, _ in pairs]


def simple_paths(tree: Any) -> list[str]:
    """Return the path of each leaf of `flatten`, such as `layer/w`.

    Keys of boxes are left out (see `is_box`), so that boxed arrays have the same paths
    as arrays alone.
    """
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=_ends_path)
    return [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in pairs]


def names(path: Sequence[Any]) -> tuple[str, ...]:
    """Return the keys in a key path of jax, as strings."""
    return tuple(jax.tree_util.keystr((key,), simple=True) for key in path)


def describe(x: Any) -> str:
    """Return an array's dtype and shape, such as `float32[3,4]`."""
    return f"{x.dtype}[{','.join(map(str, x.shape))}]"


WIDTH = 150
"""The largest number of characters for the names in a node, in an error."""


def first_difference(
    tree: Any, other: Any, *, prefix: bool = False
) -> tuple[str, str, str]:
    """Return the first difference of two trees: key path, entry of each.

    The path is as deep as possible. With `prefix`, a leaf of `other` agrees with any
    subtree.
    """
    agrees = _is_prefix if prefix else _same_structure
    path, expected, got = _difference("", tree, other, agrees)
    whole = children(tree) is None and children(other) is None
    return path or ("" if whole else "the top of the trees"), expected, got


def _difference(
    path: str, a: Any, b: Any, agrees: Callable[[Any, Any], bool]
) -> tuple[str, str, str]:
    children_a, children_b = children(a), children(b)
    if children_a is None or children_b is None or type(a) is not type(b):
        return path, _what(a), _what(b)
    if children_a.keys() != children_b.keys():
        only = [k for k in children_a if k not in children_b]
        more = [k for k in children_b if k not in children_a]
        key = (only + more)[0]
        if only:
            return path + key, _what(children_a[key]), "nothing"
        return path + key, "nothing", _what(children_b[key])
    for key, child in children_a.items():
        if not agrees(child, children_b[key]):
            return _difference(path + key, child, children_b[key], agrees)
    return path, _what(a), _what(b)


def _same_structure(a: Any, b: Any) -> bool:
    return structure(a) == structure(b)


def _is_prefix(a: Any, b: Any) -> bool:
    try:
        structure(b).flatten_up_to(a)
    except MISFITS:
        return False
    return True


def structure(tree: Any) -> PyTreeDef:
    """Return the structure of `tree`, in which None is a leaf."""
    return jax.tree.structure(tree, is_leaf=is_none)


def children(node: Any, *, simple: bool = False) -> dict[str, Any] | None:
    """Return the children of a node one level down, or None for a leaf.

    Keys are written as in `key_paths` or, if `simple`, as in `simple_paths`.
    """
    if is_leaf(node):
        return None
    pairs, _ = jax.tree_util.tree_flatten_with_path(
        node, is_leaf=lambda x: x is not node
    )
    return {jax.tree_util.keystr(path, simple=simple): child for path, child in pairs}


def _ends_path(x: Any) -> bool:
    """Return whether the path of a leaf ends at `x`."""
    return x is None or is_box(x)


def _what(node: Any) -> str:
    if node is None:
        return "None"
    found = children(node)
    if found is None:
        return "a leaf"
    names = shortened(found, WIDTH) or "nothing in it"
    return f"a {type(node).__name__} with {names}"
