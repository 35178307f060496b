"""Apply a transform to one vector of all parameters."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.execution.leaf_table import cast_tree, checked_leaves
from adamx.execution.plan import Plan
from adamx.numerics.dtypes import common_dtype, compute_dtype
from adamx.tree.callables import is_function
from adamx.tree.check import align_with_updates
from adamx.tree.paths import flatten as leaves_of
from adamx.tree.paths import is_none, structure
from adamx.types import Array, Params, PyTree, State, Updates


class Flatten(Wrapper):
    """Apply `plan` to the concatenation of all leaves."""

    def init(self, params: Params) -> dict[str, Any]:
        checked_leaves(self.name, params)
        vector = jax.eval_shape(_vector, params)
        arrays = jax.tree.leaves(params)
        if not any(isinstance(x, jax.ShapeDtypeStruct) for x in arrays):
            vector = _vector(params)
        return self._joined({}, self.plan.init(vector))

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        updates = cast_tree(self.name, updates, params)
        like = updates if params is None else params
        owners = None if params is None else _vector(params)

        def seen(x: Any) -> Any:
            if is_function(x, like):
                return _of_vector(x, like)
            return _seen_as_vector(x, like)

        given = {name: seen(x) for name, x in extra.items()}
        vector = _seen_as_vector(updates, like)
        out, new = self.plan.apply(vector, inner, owners, given)
        there = _present(updates, like)
        if not there.all():
            new = self._only_where(there, new, inner)
        updates = align_with_updates(updates, _split(out, like), "updates", self.name)
        return updates, {}, new

    def _only_where(self, there: np.ndarray, new: State, old: State) -> State:
        """Return `new`, but `old` for numbers without a gradient."""

        def chosen(n: Array, o: Array) -> Array:
            numbers = n.shape[-1:] == there.shape
            return jnp.where(jnp.asarray(there), n, o) if numbers else n

        def kept(bare: Any, n: Any, o: Any) -> Any:
            return jax.tree.map(chosen, n, o) if bare is None else n

        # An entry that is empty without parameters is a slot, not shared state.
        bare = jax.eval_shape(lambda: self.plan.init(None))
        return jax.tree.map(kept, bare, new, old, is_leaf=is_none)

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        return {"inner": (self.plan, jax.eval_shape(_vector, params))}


def _vector(tree: PyTree) -> Array:
    arrays = [jnp.ravel(jnp.asarray(x)) for x in jax.tree.leaves(tree)]
    if not arrays:
        return jnp.zeros(0)
    dtype = common_dtype(*(x.dtype for x in arrays))
    return jnp.concatenate([x.astype(dtype) for x in arrays])


def _seen_as_vector(x: Any, like: PyTree) -> Any:
    """Return a tree like the parameters as a vector, zero if absent; else `x`."""
    if structure(x) != structure(like):
        return x
    pairs = zip(leaves_of(x)[0], leaves_of(like)[0], strict=True)
    return _vector(
        [_zero(p) if leaf is None else leaf for leaf, p in pairs if p is not None]
    )


def _zero(param: Any) -> Array:
    return jnp.zeros(jnp.shape(param), compute_dtype(jnp.result_type(param)))


def _present(tree: PyTree, like: PyTree) -> np.ndarray:
    """Return for each number of `like`, as a vector, whether `tree` has its leaf."""
    pairs = zip(leaves_of(tree)[0], leaves_of(like)[0], strict=True)
    there = [np.full(jnp.size(p), x is not None) for x, p in pairs if p is not None]
    return np.concatenate(there) if there else np.zeros(0, bool)


def _split(vector: Array, like: PyTree) -> PyTree:
    """Split `vector` into leaves of the shapes of `like`."""
    leaves, treedef = leaves_of(like)
    parts, at = [], 0
    for leaf in leaves:
        if leaf is None:
            parts.append(None)
            continue
        part = vector[at : at + jnp.size(leaf)].reshape(jnp.shape(leaf))
        # Beside complex leaves, real leaves are stored as complex numbers.
        parts.append(part if jnp.iscomplexobj(leaf) else part.real)
        at += jnp.size(leaf)
    return treedef.unflatten(parts)


def _of_vector(function: Callable[..., Any], like: PyTree) -> Callable[..., Any]:
    """Return `function` for a vector of parameters; tree results become vectors."""

    def call(vector: Array, *args: Any, **kwargs: Any) -> Any:
        tree = _split(vector, like)
        tree = jax.tree.map(lambda x, p: x.astype(jnp.result_type(p)), tree, like)
        found = function(tree, *args, **kwargs)
        return _seen_as_vector(found, like)

    return call


@transform
def flatten(inner: TransformLike) -> Transform:
    """Apply `inner` to one vector of all parameters.

    u = inner(g₁ ‖ g₂ ‖ …), split into the shapes of the leaves

    This saves time if there are many small leaves. Pieces that act on one leaf, such as
    a trust ratio or a factored moment, then act on all numbers together. The vector has
    the promoted dtype of all leaves. It loses their shardings and paths, so masks must
    be outside of `flatten`.

    For a leaf without a gradient, slots that are vectors of all numbers are unchanged;
    encoded slots get a gradient of zero.

    Args:
        inner: a transform.

    Returns:
        A transform that keeps `inner`, the state for the vector.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.flatten(adamx.trace(0.5))
        >>> params = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}
        >>> updates, state = tx.update(params, tx.init(params))
        >>> state["flatten"]["inner"]["trace"]["trace"].shape, updates["w"].shape
        ((9,), (2, 3))
    """
    return wrap(Flatten("flatten", as_transform(inner).plan))
