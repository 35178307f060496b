"""The base of line searches, which find a step size in the direction of the updates."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.apply import apply_updates
from adamx.core.rule import Rule
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.execution.rule_node import RuleNode
from adamx.hyperparameters.arguments import Number
from adamx.hyperparameters.user_code import user_code
from adamx.numerics.dtypes import cast, scalar_dtype
from adamx.numerics.products import inner_product
from adamx.tree.check import (
    align_with_updates,
    argument,
    fill_absent,
    flatten_like,
    needed_params,
)
from adamx.tree.paths import flatten
from adamx.types import (
    Array,
    Param,
    Params,
    Scalar,
    Shared,
    Slots,
    State,
    StepResult,
    Updates,
)

Size: TypeAlias = Annotated[Scalar, Number(above=0.0)]
SizeOrInfinity: TypeAlias = Annotated[Scalar, Number(above=0.0, infinite=True)]

WORST = float(jnp.finfo(jnp.float32).max)
"""The `decrease_error` if no step is found, or its loss is not finite."""


class Point(NamedTuple):
    """A step size, with the loss and its derivatives there."""

    step: Array
    value: Array
    slope: Array
    """The derivative of the loss by the step size."""
    grad: Updates


class Ray(NamedTuple):
    """The loss as a function of the step size."""

    start: Point
    value: Callable[[Array], Array]
    point: Callable[[Array], Point]
    """Return the loss with its derivatives, at about three times the cost."""


class Last(NamedTuple):
    """The end of the last search; ones before the first."""

    step: Array
    """The step size that was used; 0 if none was accepted."""
    trial: Array
    """The last step size tried."""


class Found(NamedTuple):
    """The result of a search."""

    point: Point
    trial: Array
    """The last step size tried, used or not."""
    steps: Array
    """The number of evaluations of the loss."""
    decrease_error: Array
    """The amount by which the loss misses the condition; 0 if it is satisfied."""


class Remember(Rule):
    """Keep the result of the search; emit the updates unchanged."""

    needs_params = True

    keeps_grad: bool

    def slots(self, param: Array) -> Slots:
        return {"grad": jnp.zeros_like(param)} if self.keeps_grad else {}

    def shared(self) -> Shared:
        floats = {"learning_rate": 1.0, "last_trial": 1.0}
        floats |= {"value": jnp.inf, "decrease_error": jnp.inf}
        numbers = {k: jnp.array(x, scalar_dtype()) for k, x in floats.items()}
        return {**numbers, "num_linesearch_steps": jnp.zeros((), jnp.int32)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g, slots


class LineSearch(TreeTransform):
    """Multiply updates by the step size that a subclass finds in `search`."""

    name: str

    keeps_grad: ClassVar[bool] = True

    def search(self, ray: Ray, last: Last) -> Found:
        """Return the result of a search that starts from the end of the last one."""
        raise NotImplementedError(f"{type(self).__name__}.search")

    def needs(self) -> frozenset[str]:
        return frozenset(("value", "grad", "value_fn"))

    def init(self, params: Params) -> dict[str, Any]:
        return self._rule_node.init(params)

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        mine = {k: v for k, v in state.items() if k == self.name}
        updates, kept = self._rule_node.apply(updates, mine, params, extra)
        params = needed_params(params, self.name)
        value, grad, value_fn = (
            argument(name, extra, self.name) for name in ("value", "grad", "value_fn")
        )
        grad = align_with_updates(updates, grad, "grad", self.name)
        held = jax.lax.stop_gradient((updates, params, value, grad))
        last = Last(*(kept[self.name][k] for k in ("learning_rate", "last_trial")))
        found = self.search(_ray(*held, value_fn), last)
        found = jax.lax.stop_gradient(found)
        step = found.point.step
        new = {
            "learning_rate": step,
            "last_trial": found.trial,
            "value": found.point.value,
            "decrease_error": found.decrease_error,
            "num_linesearch_steps": found.steps,
        }
        old = kept[self.name]
        new = {k: jnp.asarray(x, old[k].dtype) for k, x in new.items()}
        if self.keeps_grad:
            grad = fill_absent(found.point.grad, old["grad"], "grad", self.name)
            new["grad"] = _like(grad, old["grad"])
        out = jax.tree.map(lambda u: u * step.astype(u.real.dtype), updates)
        return out, {self.name: old | new}

    @cached_property
    def _rule_node(self) -> RuleNode:
        return RuleNode(((self.name, Remember(self.keeps_grad)),))


def _ray(
    updates: Updates,
    params: Params,
    value: Array,
    grad: Updates,
    value_fn: Callable[[Params], Array],
) -> Ray:
    dtype = scalar_dtype()
    moving = align_with_updates(updates, params, "params", "line search")

    def loss(some: Params) -> Array:
        return value_fn(fill_absent(some, params, "params", "line search"))

    def slope(grad: Updates) -> Array:
        # jax.grad of complex numbers is the conjugate of the direction uphill.
        up = [g.astype(u.dtype) for g, u in zip(*_leaves(grad, updates), strict=True)]
        along = [u.conj() for u in jax.tree.leaves(updates)]
        return inner_product(up, along).astype(dtype)

    def at(step: Array) -> Params:
        ahead = jax.tree.map(lambda u: u * step.astype(u.real.dtype), updates)
        return apply_updates(moving, ahead)

    def point(step: Array) -> Point:
        with user_code("value_fn", "line search"):
            value, up = jax.value_and_grad(loss)(at(step))
        return Point(step, value.astype(dtype), slope(up), _like(up, updates))

    start = jnp.zeros((), dtype), jnp.asarray(value, dtype)
    if start[1].shape != ():
        raise TransformError(
            "value must be one number",
            piece="line search",
            expected="shape ()",
            got=f"shape {start[1].shape}",
        )
    first = Point(*start, slope(grad), _like(grad, updates))

    def along(step: Array) -> Array:
        with user_code("value_fn", "line search"):
            return loss(at(step)).astype(dtype)

    return Ray(first, along, point)


def _leaves(*trees: Any) -> list[list[Array]]:
    return [[jnp.asarray(x) for x in jax.tree.leaves(tree)] for tree in trees]


def _like(tree: Any, other: Any) -> Any:
    return jax.tree.map(lambda x, o: cast(jnp.asarray(x), o.dtype), tree, other)


def value_and_grad_from_state(
    value_fn: Callable[..., Array],
) -> Callable[..., tuple[Array, Updates]]:
    """Return a `jax.value_and_grad(value_fn)` that reuses results of a line search.

    Args:
        value_fn: the loss, a function of the parameters and other arguments.

    Returns:
        A function of the same arguments, and of `state`, that returns the loss and its
        gradient. If the state has the result of a line search, both are read from it:
        the search must have been of the same loss and ended at these parameters. The
        gradient of a frozen leaf is 0.

    Raises:
        TransformError: no line search in the state keeps a gradient.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> loss = lambda p: jnp.sum(p**2)
        >>> tx, params = adamx.lbfgs(), jnp.array([1.0, -2.0])
        >>> value_and_grad = adamx.value_and_grad_from_state(loss)
        >>> state = tx.init(params)
        >>> for _ in range(3):
        ...     value, grad = value_and_grad(params, state=state)
        ...     updates, state = tx.update(
        ...         grad, state, params, value=value, grad=grad, value_fn=loss
        ...     )
        ...     params = adamx.apply_updates(params, updates)
        >>> bool(loss(params) < 1e-10)
        True
    """

    def value_and_grad(
        params: Params, *args: Any, state: State, **kwargs: Any
    ) -> tuple[Array, Updates]:
        found = [*_searches(state)]
        if not found:
            raise TransformError(
                "there is no line search that keeps a gradient in the state",
                piece="value_and_grad_from_state",
                expected="the state of a transform with one in it",
                got=sorted(state) if isinstance(state, dict) else repr(state),
                hint="use scale_by_zoom_linesearch, or store_grad=True",
            )
        mine = found[0]

        def anew() -> tuple[Array, Updates]:
            value, grad = jax.value_and_grad(value_fn)(params, *args, **kwargs)
            return value.astype(mine["value"].dtype), grad

        def again() -> tuple[Array, Updates]:
            leaves, treedef = flatten(params)
            kept = flatten_like(treedef, mine["grad"], "grad", params)
            pairs = zip(leaves, kept, strict=True)
            return mine["value"], treedef.unflatten([_kept(p, g) for p, g in pairs])

        return jax.lax.cond(jnp.isfinite(mine["value"]), again, anew)

    return value_and_grad


def _kept(param: Any, grad: Any) -> Any:
    if param is None or grad is None:
        return None if param is None else jnp.zeros_like(param)
    return cast(grad, jnp.result_type(param))


def _searches(state: State) -> Iterator[dict[str, Any]]:
    if isinstance(state, dict):
        if {"grad", "value", "num_linesearch_steps"} <= state.keys():
            yield state
        for inner in state.values():
            yield from _searches(inner)
