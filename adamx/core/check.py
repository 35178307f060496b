"""Does what came in fit? One error, with the key path, where it does not."""

from typing import Any

from adamx.core.errors import TransformError
from adamx.tree.paths import PyTreeDef, first_difference, key_paths


def matched(
    treedef: PyTreeDef, tree: Any, what: str, like: Any, piece: str | None = None
) -> list[Any]:
    """What `tree` has where `like`, of structure `treedef`, has its leaves.

    Raises:
        TransformError: the trees differ; it says where.
    """
    try:
        return treedef.flatten_up_to(tree)
    except (ValueError, TypeError, KeyError):
        where, expected, got = first_difference(like, tree)
    raise TransformError(
        f"{what} and updates are different trees",
        where=where,
        piece=piece,
        expected=f"{expected}, as in updates",
        got=got,
    )


def path_of(tree: Any, index: int) -> str:
    """The key path of a leaf by its number; slow, for error messages alone."""
    return key_paths(tree)[index]
