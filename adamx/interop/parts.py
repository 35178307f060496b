"""Split a state into slots, which are trees like the parameters, and scalars."""

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.freeze import select_leaves
from adamx.core.transform import TransformLike, as_transform
from adamx.execution.sharding import beside_old
from adamx.execution.slot_table import put
from adamx.numerics.dtypes import cast
from adamx.tree.boxes import unbox
from adamx.tree.leaves import is_prng_key
from adamx.tree.paths import describe, flatten, is_none, names, structure
from adamx.types import Array, Params, State

Path: TypeAlias = tuple[str, ...]


class Part(NamedTuple):
    """One entry of a state: its path, its value and its kind."""

    path: Path
    value: Any
    is_slot: bool
    """Whether the value is a tree like the parameters, not a scalar for all leaves."""


def parts_of(tx: TransformLike, params: Params) -> list[Part]:
    """Return the entries of the state `tx.init(params)`.

    An entry is a slot if it is empty for parameters that are all None.
    """
    tx = as_transform(tx)
    bare, fresh = tx.init(nothing_like(params)), tx.init(params)
    found: list[Part] = []
    _collect(bare, fresh, structure(params), (), found)
    return found


def nothing_like(params: Params) -> Params:
    """Return `params` with None for every leaf."""
    return select_leaves(params, [False] * len(flatten(params)[0]))


def joined(parts: list[Part]) -> State:
    """Return the state of these parts; `parts_of` is the inverse."""
    state: State = {}
    for part in parts:
        put(state, part.path, part.value)
    return state


def _collect(
    bare: Any, fresh: Any, treedef: Any, path: Path, found: list[Part]
) -> None:
    empty = all(leaf is None for leaf in flatten(bare)[0])
    if empty and structure(bare) == treedef:
        found.append(Part(path, fresh, True))
    elif isinstance(bare, dict):
        for name in bare:
            _collect(bare[name], fresh[name], treedef, (*path, name), found)
    else:
        found.append(Part(path, fresh, False))


def entries(tree: Any) -> dict[Path, Any]:
    """Return the leaves of `tree` by path, without None.

    Boxes are not in the path, so that states of a model's variables and of their arrays
    have equal paths.
    """
    pairs, _ = jax.tree_util.tree_flatten_with_path(unbox(tree), is_leaf=is_none)
    return {names(path): leaf for path, leaf in pairs if leaf is not None}


def shown(path: Path) -> str:
    """Return a path in the form of reports and errors: `trace/trace/layer/w`."""
    return "/".join(path) or "the leaf"


def outline(x: Any) -> str:
    """Return the dtypes and shapes in `x`, as `float32[3,4]`."""
    return ", ".join(describe(_array(leaf)) for leaf in jax.tree.leaves(x)) or "nothing"


def fits(x: Any, like: Any) -> bool:
    """Return whether `x` can replace `like`: equal shapes and kinds of dtype.

    For a random key `x` may also be its data, because most checkpoints contain that.
    """
    if jax.tree.structure(x) != jax.tree.structure(like):
        return False
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(like), strict=True)
    return all(
        a.shape == b.shape and _kind(a) == _kind(b)
        for a, b in ((_array(x), _kept_as(x, y)) for x, y in pairs)
    )


def placed(x: Any, like: Any) -> Any:
    """Return `x` in the dtypes and with the shardings of `like`."""
    return jax.tree.map(_placed, x, like)


def equal(x: Any, y: Any) -> bool:
    """Return whether two trees have equal structure and equal numbers."""
    if jax.tree.structure(x) != jax.tree.structure(y):
        return False
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    return all(np.array_equal(_data(a), _data(b)) for a, b in pairs)


def _data(x: Any) -> Any:
    return np.asarray(jax.random.key_data(x) if is_prng_key(x) else x)


def _placed(x: Any, like: Any) -> Array:
    if is_prng_key(like):
        return x if is_prng_key(x) else jax.random.wrap_key_data(jnp.asarray(x))
    return beside_old(cast(jnp.asarray(x), like.dtype), like)


def _kept_as(x: Any, like: Any) -> Any:
    """Return `like`, or its data if `like` is a random key and `x` is not."""
    return (
        jax.random.key_data(like)
        if is_prng_key(like) and not is_prng_key(x)
        else _array(like)
    )


def _array(x: Any) -> Any:
    return x if hasattr(x, "dtype") else np.asarray(x)


def _kind(x: Any) -> Any:
    if is_prng_key(x):
        return x.dtype
    kinds = (jnp.bool_, jnp.integer, jnp.floating, jnp.complexfloating)
    return next((kind for kind in kinds if jnp.issubdtype(x.dtype, kind)), x.dtype)
