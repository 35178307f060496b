"""Norms of an optimizer's gradients, of its updates and of the parameters."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.freeze import select_leaves
from adamx.core.partition import Partition
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.errors import TransformError
from adamx.execution.plan import Plan
from adamx.hyperparameters.labels import labels_of
from adamx.inspect.find import find
from adamx.numerics.dtypes import cast, compute_dtype, scalar_dtype
from adamx.numerics.norms import scaled_norm
from adamx.tree.check import needed_params
from adamx.tree.paths import flatten, simple_paths
from adamx.tree.text import shortened
from adamx.types import Array, Params, PyTree, State, Updates

Groups: TypeAlias = Mapping[str, str] | Callable[..., Any]
"""Patterns of paths like `encoder/*` by the names of the groups, or a function
`(path, leaf) -> name`, or one from the parameters to a tree of names."""

EVERYTHING = {"all": "*"}
MEASURES = "grad_norm", "update_norm", "param_norm", "update_to_weight"


class Monitor(Wrapper):
    """Apply `plan`, and measure its input and output."""

    groups: Groups

    def begin(self, params: Params) -> dict[str, Any]:
        names = self._members(params)
        return {
            measure: {name: jnp.zeros((), scalar_dtype()) for name in names}
            for measure in MEASURES
        }

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        params = needed_params(params, self.name)
        out, inner = self.plan.apply(updates, inner, params, extra)
        seen: dict[str, dict[str, Array]] = {measure: {} for measure in MEASURES}
        for name, chosen in self._members(params).items():
            trees = (select_leaves(tree, chosen) for tree in (updates, out, params))
            norms = [scaled_norm(_wide(tree)) for tree in trees]
            values = *(_product(*norm) for norm in norms), _ratio(*norms[1:])
            for measure, value in zip(MEASURES, values, strict=True):
                seen[measure][name] = value.astype(scalar_dtype())
        return out, seen, inner

    def _members(self, params: Params) -> dict[str, list[bool]]:
        """Return for each group whether each leaf is in it and not frozen."""
        moves = [leaf is not None for leaf in flatten(_moving(self.plan, params))[0]]
        if isinstance(self.groups, Mapping):
            groups = self._matching(self.groups, simple_paths(params))
        else:
            labels = labels_of(self.groups, params, self.name, "groups")
            texts = [None if label is None else str(label) for label in labels]
            names = sorted({text for text in texts if text is not None})
            groups = {name: [text == name for text in texts] for name in names}
        return {
            name: [a and b for a, b in zip(chosen, moves, strict=True)]
            for name, chosen in groups.items()
        }

    def _matching(
        self, patterns: Mapping[str, str], paths: list[str]
    ) -> dict[str, list[bool]]:
        groups: dict[str, list[bool]] = {}
        for name, pattern in patterns.items():
            groups[name] = [fnmatchcase(path, pattern) for path in paths]
            if paths and not any(groups[name]):
                raise TransformError(
                    f"no parameter is of the group {name!r}",
                    piece=self.name,
                    expected=f"a path like {pattern!r}",
                    got=shortened(paths, 200),
                )
        return groups


def _moving(plan: Plan, params: Params) -> Params:
    """Return `params` with None for the leaves that a `freeze` in the plan holds."""
    params = plan.trainable_params(params)
    for node in plan.nodes:
        if isinstance(node, Wrapper):
            params = _moving(node.plan, params)
        elif isinstance(node, Partition):
            for part, seen in node.inside(params).values():
                both = map(flatten, (seen, _moving(part, seen)))
                rows = zip(*(leaves for leaves, _ in both), strict=True)
                params = select_leaves(
                    params, [a is None or b is not None for a, b in rows]
                )
    return params


@transform
def monitor_norms(
    inner: TransformLike, groups: Groups | None = None, on: bool = True
) -> Transform:
    """Record the norms of gradients, updates and parameters, group by group.

    ‖g‖, ‖u‖, ‖θ‖ and ‖u‖/‖θ‖, each over all numbers of a group, u = inner(g)

    The updates pass as `inner` emits them. θ are the parameters before the step. Norms
    do not overflow on the way: one too large for its dtype is the largest number, and
    ∞ and NaN show. Frozen leaves are left out. A ratio to parameters of zero is 0.

    Args:
        inner: the transform to measure, usually a whole optimizer. Pieces of a chain
            before or behind it are not measured.
        groups: patterns of paths by the names of the groups, as
            `{"encoder": "encoder/*", "biases": "*/bias"}`, where `*` matches any
            letters, slashes too, and groups may have leaves in common; or a function
            `(path, leaf) -> name`, None for leaves in no group. By default there is one
            group, `all`.
        on: whether to record; if not, the transform is `inner` itself.

    Returns:
        A transform that keeps the state of `inner`, under `inner`, and `grad_norm`,
        `update_norm`, `param_norm` and `update_to_weight`, each a dict of float scalars
        by group; `monitored` reads them. It needs the parameters.

    Raises:
        TransformError: in use, a group has no leaf.

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, for the ratio.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.monitor_norms(adamx.sgd(0.5), {"weights": "w", "all": "*"})
        >>> params = {"b": jnp.array([0.0]), "w": jnp.array([6.0, 8.0])}
        >>> grads = {"b": jnp.array([12.0]), "w": jnp.array([3.0, 4.0])}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> adamx.monitored(state)["grad_norm"]
        {'all': 13.0, 'weights': 5.0}
        >>> adamx.monitored(state)["update_to_weight"]["weights"]
        0.25
    """
    tx = as_transform(inner)
    if not on:
        return tx
    groups = EVERYTHING if groups is None else groups
    return wrap(Monitor("monitor_norms", tx.plan, groups))


def monitored(state: State) -> dict[str, dict[str, float]]:
    """Return the records of `monitor_norms` in the last step, as Python numbers.

    Args:
        state: the state of a transform with one `monitor_norms` anywhere in it, or a
            part of the state with one in it; concrete arrays, outside of `jit`.

    Returns:
        `grad_norm`, `update_norm`, `param_norm` and `update_to_weight`, each a dict of
        floats by group; for a state made by `vmap`, lists of floats.

    Raises:
        TransformError: there is no `monitor_norms` in the state, or several.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.monitor_norms(adamx.sgd(0.5))
        >>> params = jnp.array([3.0, 4.0])
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> adamx.monitored(state)["update_norm"]
        {'all': 2.5}
    """
    mine = find(state, "monitor_norms")
    found = jax.device_get({measure: mine[measure] for measure in MEASURES})
    return jax.tree.map(lambda x: x.tolist(), found)


def _wide(tree: PyTree) -> list[Array]:
    """Return the float arrays in a tree, cast to the compute dtype."""
    found = [(x, jnp.result_type(x)) for x in jax.tree.leaves(tree)]
    floats = [pair for pair in found if jnp.issubdtype(pair[1], jnp.inexact)]
    return [cast(jnp.asarray(x), compute_dtype(dtype)) for x, dtype in floats]


def _product(unit: Array, rest: Array) -> Array:
    """Return the norm as one number, at most the largest finite one of its dtype."""
    top = float(jnp.finfo(unit.dtype).max)
    return jnp.where(jnp.isinf(unit), unit, jnp.minimum(unit * rest, top))


def _ratio(above: tuple[Array, Array], below: tuple[Array, Array]) -> Array:
    """Return the ratio of two norms that may overflow; 0 to a norm of zero."""
    some = below[0] > 0
    unit, rest = (jnp.where(some, x, 1) for x in below)
    return jnp.where(some, _product(above[0] / unit, above[1] / rest), 0)
