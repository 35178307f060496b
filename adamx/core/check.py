"""Does what came in fit? One error, with the key path, where it does not."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.errors import TransformError
from adamx.core.types import Array, Params
from adamx.tree.paths import PyTreeDef, describe, first_difference, flatten, key_paths


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


def one_number(name: str, value: Any, piece: str, dtype: Any) -> Array:
    """Return an argument of update as an array of shape () and of `dtype`.

    Raises:
        TransformError: it is not one number, or not one bool where `dtype` is bool.
    """
    kind = jnp.bool_ if dtype == jnp.bool_ else jnp.number
    try:
        found = jnp.asarray(value)
    except (TypeError, ValueError):
        found = None
    if (
        found is None
        or found.shape != ()
        or not jnp.issubdtype(found.dtype, kind)
        or jnp.iscomplexobj(found)
    ):
        raise TransformError(
            f"the argument {name!r} of update is not one {_KINDS[kind]}",
            piece=piece,
            expected=f"a {_KINDS[kind]}, or an array of shape () of one",
            got=repr(value) if found is None else describe(found),
        )
    return found.astype(dtype)


_KINDS = {jnp.bool_: "bool", jnp.number: "real number"}


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


def optimizable(leaf: Any, where: Callable[[], str], piece: str | None) -> Any:
    """Return `leaf` as an array that can be optimized.

    Raises:
        TransformError: it is no array, or one of integers, bools or random keys.
    """
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        try:
            leaf = jnp.asarray(leaf)
        except TypeError:
            raise TransformError(
                "a leaf is not an array", where=where(), piece=piece, got=repr(leaf)
            ) from None
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        raise TransformError(
            f"a leaf of dtype {leaf.dtype} cannot be optimized",
            where=where(),
            piece=piece,
            expected="a float or complex array",
            got=describe(leaf),
            do="keep it out of the parameters, or freeze it: adamx.freeze",
        )
    return leaf


def path_of(tree: Any, index: int) -> str:
    """The key path of a leaf by its number; slow, for error messages alone."""
    return key_paths(tree)[index]
