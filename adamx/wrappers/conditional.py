"""Transforms that act in some steps only."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax.numpy as jnp

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.tree_transform import EVERY
from adamx.core.wrapper import Gate, wrap
from adamx.execution.plan import Plan
from adamx.hyperparameters.user_code import user_code
from adamx.numerics.averages import next_count
from adamx.tree.callables import wanted
from adamx.tree.check import argument
from adamx.types import Array, Params, Updates


class Conditional(Gate):
    condition: Callable[..., Array]
    forward: bool

    def needs(self) -> frozenset[str]:
        if not self.forward:
            return super().needs()
        wants = wanted(self.condition, first=1)
        return super().needs() | {*wants.names, *((EVERY,) if wants.any_name else ())}

    def begin(self, params: Params) -> dict[str, Any]:
        return {"step": jnp.zeros((), jnp.int32)}

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        given = {}
        if self.forward:
            wants = wanted(self.condition, first=1)
            names = *wants.missing(extra), *wants.taken(extra)
            given = {name: argument(name, extra, self.name) for name in names}
        with user_code("should_transform_fn", self.name):
            opened = jnp.asarray(self.condition(own_state["step"], **given), bool)
        return updates, opened, {"step": next_count(own_state["step"])}


class Passing(Conditional):
    passes: ClassVar[bool] = True


def _conditional(
    kind: type[Conditional],
    name: str,
    inner: TransformLike,
    condition: Callable[..., Array],
    forward: bool,
) -> Transform:
    plan: Plan = as_transform(inner).plan
    return wrap(kind(name, plan, condition, forward))


@transform
def conditionally_transform(
    inner: TransformLike,
    should_transform_fn: Callable[..., Array],
    forward_extra_args: bool = False,
) -> Transform:
    """Apply `inner` in some steps; emit the updates unchanged in the others.

    u = inner(g) if should_transform_fn(t), else g, with t from 0

    Args:
        inner: the transform; in the other steps its state is unchanged.
        should_transform_fn: a function of t, an int32 array of shape (), to a bool.
        forward_extra_args: whether extra arguments of update are passed to
            `should_transform_fn` by name. Its arguments with a default are optional;
            `**extra` gets all.

    Returns:
        A transform that keeps `step`, int32, and `inner`.

    Example:
        >>> import adamx
        >>> even = lambda step: step % 2 == 0
        >>> tx = adamx.conditionally_transform(adamx.scale(10.0), even)
        >>> state = tx.init(0.0)
        >>> for _ in range(2):
        ...     updates, state = tx.update(1.0, state)
        ...     print(float(updates))
        10.0
        1.0
    """
    name = "conditionally_transform"
    return _conditional(Passing, name, inner, should_transform_fn, forward_extra_args)


@transform
def conditionally_mask(
    inner: TransformLike,
    should_transform_fn: Callable[..., Array],
    forward_extra_args: bool = False,
) -> Transform:
    """Apply `inner` in some steps; emit zeros in the others.

    u = inner(g) if should_transform_fn(t), else 0, with t from 0

    See `conditionally_transform` for the other arguments.

    Returns:
        A transform that keeps `step`, int32, and `inner`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.conditionally_mask(
        ...     adamx.sgd(1.0), lambda step, value: value > 0.5, forward_extra_args=True
        ... )
        >>> g = jnp.array(1.0)
        >>> float(tx.update(g, tx.init(g), value=0.75)[0])
        -1.0
    """
    name = "conditionally_mask"
    return _conditional(
        Conditional, name, inner, should_transform_fn, forward_extra_args
    )
