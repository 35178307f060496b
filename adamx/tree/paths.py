"""Leaves with their key paths; None counts as a leaf, so that it can pass through."""

from typing import Any

import jax

PyTreeDef = Any


def is_none(x: object) -> bool:
    """Whether `x` is None, to be given to jax as `is_leaf`."""
    return x is None


def flatten(tree: Any) -> tuple[list[Any], PyTreeDef]:
    """The leaves of `tree`, None among them, and its structure."""
    return jax.tree.flatten(tree, is_leaf=is_none)


def key_paths(tree: Any) -> list[str]:
    """The key path of each leaf that `flatten` gives, as `['layer']['w']`."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_none)
    return [jax.tree_util.keystr(path) for path, _ in pairs]


def simple_paths(tree: Any) -> list[str]:
    """The path of each leaf that `flatten` gives, as `layer/w`."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_none)
    return [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in pairs]


def describe(x: Any) -> str:
    """An array's dtype and shape, as `float32[3,4]`."""
    return f"{x.dtype}[{','.join(map(str, x.shape))}]"


def first_difference(tree: Any, other: Any) -> tuple[str, str, str]:
    """Where two trees first differ in structure: key path, what each has there.

    Walks down while the nodes agree, so that the path is as deep as can be.
    """
    return _difference("", tree, other)


def _difference(path: str, a: Any, b: Any) -> tuple[str, str, str]:
    children_a, children_b = children(a), children(b)
    if children_a is None or children_b is None or type(a) is not type(b):
        return path, _what(a), _what(b)
    if children_a.keys() != children_b.keys():
        only = [k for k in children_a if k not in children_b]
        more = [k for k in children_b if k not in children_a]
        path += (only + more)[0]
        return path, "a subtree" if only else "nothing", "nothing" if only else "one"
    for key, child in children_a.items():
        if structure(child) != structure(children_b[key]):
            return _difference(path + key, child, children_b[key])
    return path, _what(a), _what(b)


def structure(tree: Any) -> PyTreeDef:
    """The structure of `tree`, None counted as a leaf."""
    return jax.tree.structure(tree, is_leaf=is_none)


def children(node: Any, *, simple: bool = False) -> dict[str, Any] | None:
    """The children of a node one level down, or None for a leaf.

    By their keys as `key_paths` writes them, or, where `simple`, as `simple_paths`.
    """
    if jax.tree_util.all_leaves([node], is_leaf=is_none):
        return None
    pairs, _ = jax.tree_util.tree_flatten_with_path(
        node, is_leaf=lambda x: x is not node
    )
    return {jax.tree_util.keystr(path, simple=simple): child for path, child in pairs}


def _what(node: Any) -> str:
    if node is None:
        return "None"
    found = children(node)
    if found is None:
        return "a leaf"
    return f"a {type(node).__name__} with {', '.join(found) or 'nothing in it'}"
