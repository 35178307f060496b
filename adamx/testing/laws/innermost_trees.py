"""Law 21: in a state the user's tree is innermost."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from adamx.testing.boxes import Variable, boxed
from adamx.testing.compare import alike, leaves
from adamx.testing.law import law, require
from adamx.testing.subject import Subject
from adamx.tree.boxes import unbox
from adamx.tree.paths import children, structure

SHAPES = {"layer": {"w": (256, 130), "b": (3,)}}
"""A leaf that is large enough to be factored and encoded, and one that is not."""


@law(21)
def innermost_trees(subject: Subject) -> None:
    """In a state the user's tree is innermost: no container replaces a leaf.

    Containers of a state are around trees with the structure of the parameters. A rule
    that keeps several arrays for a leaf keeps several such trees. Libraries rely on
    this: Flax's nnx gives `init` a tree of its variables, and `update` the arrays in
    them.
    """
    start = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
        SHAPES,
        is_leaf=lambda x: isinstance(x, tuple),
    )
    state = jax.eval_shape(subject.init, boxed(start))
    for where in _misplaced(state, structure(boxed(start)), ""):
        require(
            False,
            "the state has something else in the place of a leaf",
            where=where,
            expected="a tree like the parameters, with arrays or None for leaves",
            got="a container inside the user's tree, or a part of the user's tree",
        )
    pure = unbox(state)
    updates, after = jax.eval_shape(subject.update, start, pure, start)
    alike(after, pure, "the state without its variables, after an update")
    alike(updates, start, "the updates")
    for (where, a), (_, b) in zip(leaves(pure), leaves(state), strict=True):
        require(a.shape == b.shape, "an array is lost", where=where)


def _misplaced(node: Any, treedef: Any, path: str) -> Iterator[str]:
    """Yield the paths of variables that stand in no tree like the parameters."""
    if structure(node) == treedef:
        return
    if isinstance(node, Variable):
        yield path
        return
    for key, child in (children(node) or {}).items():
        yield from _misplaced(child, treedef, path + key)
