"""Checks of trees and arguments; their errors name the key path."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.errors import TransformError
from adamx.tree.kinds import kind_of, shown_value
from adamx.tree.paths import (
    MISFITS,
    PyTreeDef,
    describe,
    first_difference,
    flatten,
    is_leaf,
    is_none,
    key_paths,
    structure,
)
from adamx.types import Array, Params


def flatten_like(
    treedef: PyTreeDef,
    tree: Any,
    what: str,
    like: Any,
    piece: str | None = None,
    than: str = "updates",
) -> list[Any]:
    """Return the entries of `tree` at the leaves of `like`, of structure `treedef`.

    A None in `tree` means None for every leaf of the subtree there. Errors name the
    trees `what` and `than`.

    Raises:
        TransformError: the trees differ; the error has the key path.
    """
    try:
        return treedef.flatten_up_to(tree)
    except MISFITS:
        found = _up_to(treedef, _expanded(*flatten(tree), like))
    if found is not None:
        return found
    if what == "params":  # report the updates, because the parameters are right
        what, than, tree, like = than, what, like, tree
    where, expected, got = first_difference(like, tree)
    raise TransformError(
        f"{what} and {than} are different trees",
        where=where,
        piece=piece,
        expected=f"{expected}, as in {than}",
        got=got,
        hint=_UNLIKE.get(than if than == "params" else what.split()[0]),
    )


def _up_to(treedef: PyTreeDef, tree: Any) -> list[Any] | None:
    """Return the entries of `tree` at the leaves of `treedef`; None if it differs."""
    try:
        return treedef.flatten_up_to(tree)
    except MISFITS:
        return None


def _expanded(leaves: list[Any], treedef: PyTreeDef, like: Any) -> Any:
    """Return the tree, with None for a subtree of `like` repeated for each leaf."""
    subtrees = _up_to(treedef, like) or leaves
    return treedef.unflatten(
        [
            jax.tree.map(lambda _: None, subtree, is_leaf=is_none) if x is None else x
            for x, subtree in zip(leaves, subtrees, strict=True)
        ]
    )


def align_with_updates(updates: Any, tree: Any, what: str, piece: str) -> Any:
    """Return `tree`, which must be like `updates`, with None where an update is None.

    Raises:
        TransformError: the trees differ; the error has the key path.
    """
    return _matched(updates, tree, what, piece, lambda u, x: None if u is None else x)


def fill_absent(tree: Any, other: Any, what: str, piece: str) -> Any:
    """Return `tree`, with each None replaced by the leaf of `other`.

    Raises:
        TransformError: the trees differ; the error has the key path.
    """
    return _matched(other, tree, what, piece, lambda o, x: o if x is None else x)


def _matched(
    reference: Any, tree: Any, what: str, piece: str, pick: Callable[[Any, Any], Any]
) -> Any:
    """Return `pick(r, x)` for each leaf r of `reference` and its entry x in `tree`."""
    leaves, treedef = flatten(reference)
    found = flatten_like(treedef, tree, what, reference, piece)
    return treedef.unflatten(map(pick, leaves, found))


def expand_absent(updates: Any, params: Any) -> Any:
    """Return `updates`, with None for a subtree repeated for each parameter in it.

    Raises:
        TransformError: the trees differ; the error has the key path.
    """
    leaves, treedef = flatten(updates)
    owners = flatten_like(treedef, params, "params", updates)
    if all(u is not None or is_leaf(p) for u, p in zip(leaves, owners, strict=True)):
        return updates
    return _expanded(leaves, treedef, params)


def keep_absent(updates: Any, new: Any, old: Any) -> Any:
    """Return the state `new`, with the state `old` for leaves without an update."""
    leaves, treedef = flatten(updates)
    if structure(new) == treedef:
        rows = zip(leaves, flatten(new)[0], flatten(old)[0], strict=True)
        return treedef.unflatten([o if u is None else n for u, n, o in rows])
    if isinstance(new, dict):
        return {name: keep_absent(updates, x, old[name]) for name, x in new.items()}
    return new


def wrong_state(
    piece: str | None, expected: object, got: object, where: str | None = None
) -> TransformError:
    """Return the error about a state that another transform made."""
    return TransformError(
        "the state does not fit this transform",
        where=where,
        piece=piece or None,
        expected=expected,
        got=got,
        hint="pass the state that init of the same transform returned",
    )


def argument(name: str, extra: Mapping[str, Any], piece: str) -> Any:
    """Return the argument of update that a piece reads; raise an error without it."""
    if name not in extra:
        raise TransformError(
            f"update is missing the argument {name!r}",
            piece=piece,
            hint=f"call update(updates, state, params, {name}=…)",
        )
    return extra[name]


def one_number(name: str, value: Any, piece: str, dtype: Any) -> Array:
    """Return an argument of update as an array of shape () and of `dtype`.

    Raises:
        TransformError: `value` is not one number, or, if `dtype` is bool, not one bool.
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
    """Return the parameters; raise an error if they are None."""
    if params is None:
        raise TransformError(
            "update needs the parameters",
            piece=piece,
            expected="update(updates, state, params)",
            got="params=None",
            hint="give the parameters as third argument",
        )
    return params


def optimizable(
    leaf: Any, where: Callable[[], str], piece: str | None, argument: str = "params"
) -> Any:
    """Return `leaf` as an array; raise an error if it cannot be optimized."""
    given = leaf
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        try:
            leaf = jnp.asarray(leaf)
        except (TypeError, ValueError):
            raise _not_an_array(leaf, where(), piece, argument) from None
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        hint = "keep it out of the parameters, or freeze it: adamx.freeze"
        if argument == "updates":
            hint = "give float gradients, as jax.grad of float parameters returns"
        elif isinstance(given, int):
            hint = f"write it as a float: {given}.0"
        raise TransformError(
            f"a leaf of {argument} of dtype {leaf.dtype} cannot be optimized",
            where=where(),
            piece=piece,
            expected="a float or complex array",
            got=describe(leaf),
            hint=hint,
        )
    return leaf


def _not_an_array(
    leaf: Any, where: str, piece: str | None, argument: str
) -> TransformError:
    kind, shown = kind_of(leaf), shown_value(leaf)
    if kind.name == "tree":  # because updates have a leaf in its place
        what, expected, got = "updates and params are different trees", shown, "a leaf"
        hint = _UNLIKE["params"]
    else:
        what = f"a leaf of {argument} is not an array, but {kind.text}"
        expected, got = "an array, or None", shown
        hint = f"keep it out of {argument}, or put None in its place"
    return TransformError(
        what, where=where, piece=piece, expected=expected, got=got, hint=hint
    )


_UNLIKE = {
    "params": "give an update or None for each parameter",
    "slot": "use the state that init made for these parameters",
}
"""Hints for trees that differ: updates from parameters, or a slot from updates."""


def path_of(tree: Any, index: int) -> str:
    """Return the key path of the leaf `index`; slow, for error messages alone."""
    return key_paths(tree)[index]
