"""A stand-in for the nodes that models keep arrays in, such as those of Flax's nnx."""

from typing import Any

import jax

from adamx.tree.paths import flatten


class Variable:
    """A pytree node around one array, under the key `value`.

    A library such as Flax's nnx gives `init` a tree of such nodes, and `update` the
    same tree without them. So it does with the state.
    """

    def __init__(self, value: Any) -> None:
        self.value = value


jax.tree_util.register_pytree_with_keys(
    Variable,
    lambda x: (((jax.tree_util.GetAttrKey("value"), x.value),), None),
    lambda _, children: Variable(*children),
)


def boxed(tree: Any) -> Any:
    """Return `tree` with each leaf, None among them, in a `Variable`."""
    leaves, treedef = flatten(tree)
    return treedef.unflatten(map(Variable, leaves))
