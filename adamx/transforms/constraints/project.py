"""Parameters that stay in a set: a projection, or bounds."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from adamx.core.transform import transform
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.execution.leaf_table import cast_tree, checked_leaves
from adamx.hyperparameters.user_code import user_code
from adamx.numerics.dtypes import cast, cast_saturating, compute_dtype
from adamx.tree.callables import prefix_leaves
from adamx.tree.check import flatten_like, needed_params, path_of
from adamx.tree.paths import MISFITS, describe, flatten, key_paths
from adamx.types import Array, Params, PyTree, Updates

Projection: TypeAlias = Callable[[Any], Any]
"""A function from a tree of arrays to a tree like it, or from an array to an array."""

Bounds: TypeAlias = PyTree
"""A number, an array, or a tree of them like the parameters, or a prefix of it."""


class Shorten(TreeTransform):
    """Base of pieces that change updates depending on the next parameters."""

    name: str

    def init(self, params: Params) -> dict[str, Any]:
        checked_leaves(self.name, params)
        return {}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        params = needed_params(params, self.name)
        updates = cast_tree(self.name, updates, params)
        leaves, treedef = flatten(updates)
        found = flatten_like(treedef, params, "params", updates, self.name)
        owners = {i: jnp.asarray(p) for i, p in enumerate(found) if p is not None}
        shortened = self.shorten(updates, owners)
        # A parameter without a gradient gets no update.
        kept = [None if u is None else shortened[i] for i, u in enumerate(leaves)]
        return treedef.unflatten(kept), {}

    def shorten(
        self, updates: Updates, owners: dict[int, Array]
    ) -> Mapping[int, Array]:
        """Return the update of each leaf by its index; `owners` are the parameters."""
        raise NotImplementedError(f"{type(self).__name__}.shorten")


class ProjectParams(Shorten):
    projection: Projection
    by_leaf: bool

    def shorten(
        self, updates: Updates, owners: dict[int, Array]
    ) -> Mapping[int, Array]:
        leaves, treedef = flatten(updates)
        owners = {i: cast(p, compute_dtype(p.dtype)) for i, p in owners.items()}
        ahead: list[Any] = [owners.get(i) for i in range(len(leaves))]
        for i, u in enumerate(leaves):
            ahead[i] = ahead[i] if u is None else u + ahead[i]
        tree = treedef.unflatten(ahead)
        with user_code("projection", self.name):
            if self.by_leaf:
                found = jax.tree.map(self.projection, tree)
            else:
                found = self.projection(tree) if owners else tree
        projected = self._like(found, tree)
        return {i: projected[i] - p for i, p in owners.items()}

    def _like(self, found: Any, ahead: Params) -> list[Any]:
        """Return the projected leaves, after a check of their structure and shapes."""
        leaves, treedef = flatten(ahead)
        try:
            projected = treedef.flatten_up_to(found)
        except MISFITS:
            raise self._refused("", "a tree like the parameters", found) from None
        for i, (x, like) in enumerate(zip(projected, leaves, strict=True)):
            if like is None:
                continue
            if jnp.shape(x) != like.shape or not isinstance(x, jax.Array | np.ndarray):
                raise self._refused(path_of(ahead, i), describe(like), x)
            if jnp.iscomplexobj(x) and not jnp.iscomplexobj(like):
                raise self._refused(path_of(ahead, i), describe(like), x)
            projected[i] = cast(jnp.asarray(x), like.dtype)
        return projected

    def _refused(self, where: str, expected: str, got: Any) -> TransformError:
        return TransformError(
            "`projection` does not return what it was given",
            where=where or None,
            piece=self.name,
            expected=expected,
            got=describe(got) if hasattr(got, "dtype") else type(got).__name__,
            hint=None if self.by_leaf else "by_leaf=True is for functions of one array",
        )


@transform
def project_params(projection: Projection, *, by_leaf: bool = False) -> ProjectParams:
    """Change updates so that parameters plus updates are projected.

    u = P(θ + g) − θ, so that θ + u = P(θ + g)

    It must be last in a chain, because it assumes that θ + u are the next parameters.
    Frozen leaves are None in the tree that `projection` gets; use `masked` to project
    some leaves only. Optax's `projections` are such functions, with their other
    arguments filled in by `functools.partial`. The sum θ + u is rounded once: to hold
    bounds exactly use `keep_params_between`.

    Args:
        projection: from a tree like the parameters, of at least float32, to a tree of
            the same structure and shapes.
        by_leaf: whether `projection` is a function of one array, to be called with
            each leaf.

    Reference:
        The projected gradient method: Goldstein, "Convex programming in Hilbert space",
        1964; Levitin & Polyak, "Constrained minimization methods", 1966.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> def onto_sphere(x):
        ...     return x / jnp.linalg.norm(x)
        >>> tx = adamx.chain(adamx.sgd(1.0), adamx.project_params(onto_sphere))
        >>> params = jnp.array([1.0, 0.0])
        >>> updates, _ = tx.update(jnp.array([-2.0, -4.0]), tx.init(params), params)
        >>> [round(float(x), 6) for x in adamx.apply_updates(params, updates)]
        [0.6, 0.8]
    """
    if not callable(projection):
        raise TransformError(
            "project_params: `projection` must be a function",
            expected="a function of a tree, or of an array with by_leaf=True",
            got=repr(projection),
        )
    return ProjectParams("project_params", projection, by_leaf)


class KeepBetween(Shorten):
    low: Bounds
    high: Bounds

    def init(self, params: Params) -> dict[str, Any]:
        leaves = [None if p is None else jnp.shape(p) for p in flatten(params)[0]]
        for i, low, high in self._bounds(params, leaves):
            _check_order(self.name, low, high, partial(path_of, params, i))
        return super().init(params)

    def shorten(
        self, updates: Updates, owners: dict[int, Array]
    ) -> Mapping[int, Array]:
        leaves, _ = flatten(updates)
        shapes = [None if u is None else u.shape for u in leaves]
        bounds = self._bounds(updates, shapes)
        return {i: _within(leaves[i], owners[i], *ends) for i, *ends in bounds}

    def _bounds(
        self, like: PyTree, shapes: list[Any]
    ) -> Iterator[tuple[int, Any, Any]]:
        """Yield the index and the bounds of each leaf that is not None."""
        lows = self._spread("low", self.low, -np.inf, like, shapes)
        highs = self._spread("high", self.high, np.inf, like, shapes)
        for i, shape in enumerate(shapes):
            if shape is not None:
                yield i, lows[i], highs[i]

    def _spread(
        self, name: str, bounds: Bounds, none: float, like: PyTree, shapes: list[Any]
    ) -> list[Any]:
        """Return the bound of each leaf; `none` for a leaf without a bound."""
        try:
            leaves = prefix_leaves(bounds, like)
        except MISFITS:
            raise TransformError(
                f"`{name}` is a tree of another structure than the parameters",
                piece=self.name,
                expected=", ".join(key_paths(like)[:8]),
                got=", ".join(key_paths(bounds)[:8]),
                hint="give a number, or a tree like the parameters (or a prefix of it)",
            ) from None
        leaves = [none if x is None else x for x in leaves]
        for i, (x, shape) in enumerate(zip(leaves, shapes, strict=True)):
            if shape is not None and not _fits(jnp.shape(x), shape):
                raise TransformError(
                    f"`{name}` does not fit its parameter",
                    where=path_of(like, i),
                    piece=self.name,
                    expected=f"a number, or an array that broadcasts to shape {shape}",
                    got=f"an array of shape {jnp.shape(x)}",
                )
        return leaves


def _fits(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _within(u: Array, param: Array, low: Any, high: Any) -> Array:
    """Return the update nearest to `u` that keeps the parameter between the bounds."""
    if jnp.iscomplexobj(u):
        real = _within(u.real, param.real, low, high)
        return jax.lax.complex(real, _within(u.imag, param.imag, low, high))
    ends = (jnp.asarray(x, u.dtype) for x in (low, high))
    low, high = (jnp.broadcast_to(x, u.shape) for x in ends)
    least, most = _ceil(low, param.dtype), -_ceil(-high, param.dtype)
    empty = least > most  # no number of the dtype lies between
    least = jnp.where(empty, cast_saturating(low, param.dtype), least)
    most = jnp.where(empty, cast_saturating(high, param.dtype), most)
    at, low, high = (cast(x, u.dtype) for x in (param, least, most))
    u = jnp.where(u < low - at, low - at, u)
    u = jnp.where(u > high - at, high - at, u)

    def inwards(u: Array) -> Array:
        return _rounded_inwards(u, *jax.lax.stop_gradient((param, least, most)))

    return _straight_through(inwards, u)


def _rounded_inwards(u: Array, param: Array, least: Array, most: Array) -> Array:
    """Round `u` to the parameter's dtype so that the sum stays between the bounds."""
    # With the nearest number the sum may be past a bound: for a parameter of 1,000 and
    # a bound of 0.1 the rounding error of the difference is 3e-5, and 4 in bfloat16.
    dtype = param.dtype
    small = cast_saturating(u, dtype)
    ends = cast_saturating(cast(param, u.dtype) + cast(small, u.dtype), dtype)
    up, down = (jnp.nextafter(small, jnp.asarray(x, dtype)) for x in (np.inf, -np.inf))
    moved = jnp.where(ends < least, up, jnp.where(ends > most, down, small))
    return jnp.where(moved == small, u, cast(moved, u.dtype))


def _ceil(x: Array, dtype: Any) -> Array:
    """Return the smallest number of `dtype` that is at least `x`."""
    near = cast_saturating(x, dtype)

    def up(near: Array) -> Array:
        above = jnp.nextafter(near, jnp.asarray(np.inf, dtype))
        below = cast(near, x.dtype) < jax.lax.stop_gradient(x)
        return jnp.where(below, above, near)

    return _straight_through(up, near)


def _straight_through(rounded: Callable[[Array], Array], x: Array) -> Array:
    """Return `rounded(x)`, which is next to `x`, with the derivative 1."""
    exact = jax.lax.stop_gradient(x)
    return x + (rounded(exact) - exact)


def _check_order(
    piece: str, low: Any, high: Any, where: Callable[[], str] = lambda: ""
) -> None:
    """Raise a `TransformError` unless low ≤ high; traced bounds are not checked."""
    if isinstance(low, Tracer) or isinstance(high, Tracer):
        return
    if not np.all(np.asarray(low) <= np.asarray(high)):
        raise TransformError(
            f"{piece}: `low` must not be above `high`",
            where=where() or None,
            expected="low ≤ high, and no NaN",
            got=f"low = {low}, high = {high}",
        )


@transform
def keep_params_between(
    low: Bounds | None = None, high: Bounds | None = None
) -> KeepBetween:
    """Shorten each update that would move a parameter past a bound, to the bound.

    u = min(max(g, low − θ), high − θ), so that low ≤ θ + u ≤ high

    It must be last in a chain, because it assumes that θ + u are the next parameters.
    If θ is within the bounds, so is θ + u, also after u is rounded to the dtype of θ. A
    bound that is not a number of this dtype is rounded inwards. The bounds hold for
    both parts of complex numbers.

    Args:
        low: a number, an array that broadcasts to a leaf's shape, or a tree of them
            like the parameters (or a prefix of it); None for no bound.
        high: as `low`, and at least `low`.

    Reference:
        As `project_params`, with the projection onto a box.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.sgd(1.0), adamx.keep_params_between(0.0, 1.0))
        >>> params = jnp.array([0.5, 0.5, 0.5])
        >>> grads = jnp.array([-3.0, 0.25, 3.0])
        >>> updates, _ = tx.update(grads, tx.init(params), params)
        >>> adamx.apply_updates(params, updates).tolist()
        [1.0, 0.25, 0.0]
    """
    for name, bounds in {"low": low, "high": high}.items():
        for x in jax.tree.leaves(bounds):
            if not _is_real(x):
                raise TransformError(
                    f"keep_params_between: `{name}` must be real numbers",
                    expected="a number, an array, or a tree of them",
                    got=repr(x),
                )
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    if jax.tree_util.all_leaves([least, most]):
        _check_order("keep_params_between", least, most)
    return KeepBetween("keep_params_between", low, high)


def _is_real(x: Any) -> bool:
    if isinstance(x, bool | str) or not hasattr(x, "dtype"):
        return isinstance(x, int | float) and not isinstance(x, bool)
    return jnp.issubdtype(x.dtype, jnp.number) and not jnp.iscomplexobj(x)
