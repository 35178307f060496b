"""Does what came in fit? One error, with the key path, where it does not."""

from collections.abc import Mapping
from typing import Any

from adamx.core.errors import TransformError
from adamx.core.types import Params
from adamx.tree.paths import PyTreeDef, first_difference, flatten, key_paths


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


def alongside(updates: Any, tree: Any, what: str, piece: str) -> Any:
    """`tree`, which must be like `updates`, with None where those have none.

    Raises:
        TransformError: the trees differ; it says where.
    """
    leaves, treedef = flatten(updates)
    found = matched(treedef, tree, what, updates, piece)
    pairs = zip(found, leaves, strict=True)
    return treedef.unflatten([None if u is None else x for x, u in pairs])


def argument(name: str, extra: Mapping[str, Any], piece: str) -> Any:
    """The argument of update that a piece asks for.

    Raises:
        TransformError: it was not given.
    """
    if name not in extra:
        raise TransformError(
            f"update is missing the argument {name!r}",
            piece=piece,
            do=f"call update(updates, state, params, {name}=…)",
        )
    return extra[name]


def needed_params(params: Params | None, piece: str) -> Params:
    """The parameters, for a piece that cannot do without.

    Raises:
        TransformError: they were not given.
    """
    if params is None:
        raise TransformError(
            "update needs the parameters",
            piece=piece,
            expected="update(updates, state, params)",
            got="params=None",
        )
    return params


def path_of(tree: Any, index: int) -> str:
    """The key path of a leaf by its number; slow, for error messages alone."""
    return key_paths(tree)[index]
