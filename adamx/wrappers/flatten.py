"""All parameters as one vector."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.freeze import keep
from adamx.core.lift import Lifted, cast_node
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.types import Array, Params, PyTree, State, Updates
from adamx.core.wrapper import Wrapper, around
from adamx.tree.paths import flatten as leaves_of
from adamx.tree.paths import structure


class Flatten(Wrapper):
    """Lets `plan` act on the concatenation of all leaves."""

    def init(self, params: Params) -> dict[str, Any]:
        self._checked().init(params)
        vector = jax.eval_shape(_vector, params)
        arrays = jax.tree.leaves(params)
        if not any(isinstance(x, jax.ShapeDtypeStruct) for x in arrays):
            vector = _vector(params)
        return self._joined({}, self.plan.init(vector))

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        updates, _ = self._checked().apply(updates, {}, params, {})
        like = updates if params is None else params
        owners = None if params is None else _vector(params)

        def seen(x: Any) -> Any:
            if callable(x):
                return _of_vector(x, like)
            return _seen_as_vector(x, like)

        given = {name: seen(x) for name, x in extra.items()}
        out, inner = self.plan.apply(_vector(updates), inner, owners, given)
        return _split(out, updates), {}, inner

    def _checked(self) -> Lifted:
        return cast_node(self.name)


def _vector(tree: PyTree) -> Array:
    arrays = [jnp.ravel(jnp.asarray(x)) for x in jax.tree.leaves(tree)]
    return jnp.concatenate(arrays) if arrays else jnp.zeros(0)


def _seen_as_vector(x: Any, like: PyTree) -> Any:
    """A tree like the parameters as a vector, without what is frozen; or `x`."""
    if structure(x) != structure(like):
        return x
    return _vector(keep(x, [leaf is not None for leaf in leaves_of(like)[0]]))


def _split(vector: Array, like: PyTree) -> PyTree:
    """The parts of `vector` in the shapes of the leaves of `like`, where there are."""
    leaves, treedef = leaves_of(like)
    parts, at = [], 0
    for leaf in leaves:
        if leaf is None:
            parts.append(None)
            continue
        part = vector[at : at + jnp.size(leaf)].reshape(jnp.shape(leaf))
        # Beside complex leaves real ones are complex numbers that are real.
        parts.append(part if jnp.iscomplexobj(leaf) else part.real)
        at += jnp.size(leaf)
    return treedef.unflatten(parts)


def _of_vector(function: Callable[..., Any], like: PyTree) -> Callable[..., Any]:
    """`function`, of parameters as a vector; what is a tree of them comes as one."""

    def call(vector: Array, *args: Any, **kwargs: Any) -> Any:
        tree = _split(vector, like)
        tree = jax.tree.map(lambda x, p: x.astype(jnp.result_type(p)), tree, like)
        found = function(tree, *args, **kwargs)
        return _seen_as_vector(found, like)

    return call


@transform
def flatten(inner: TransformLike) -> Transform:
    """Let `inner` act on one vector of all parameters.

    u = inner(g₁ ‖ g₂ ‖ …), split into the shapes of the leaves

    Saves the time that many small leaves cost. What `inner` does leaf by leaf it does
    to all numbers together: a trust ratio, the clip of a block, a factored moment. The
    vector is of the widest dtype among the leaves, and on one place: shardings of
    leaves are not kept, and neither are paths, so masks belong around it.

    Args:
        inner: a transform.

    Returns:
        The transform; its state is `inner`, that of a vector of all numbers.

    Raises:
        TransformError: a leaf is no float or complex array.

    Reference:
        The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.flatten(adamx.trace(0.5))
        >>> params = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}
        >>> updates, state = tx.update(params, tx.init(params))
        >>> state["flatten"]["inner"]["trace"]["trace"].shape, updates["w"].shape
        ((9,), (2, 3))
    """
    return around(Flatten("flatten", as_transform(inner).plan))
