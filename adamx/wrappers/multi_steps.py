"""Gradient accumulation: one step of the optimizer for several micro-batches."""

import functools
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from adamx.core.rule import Identity, Rule
from adamx.core.transform import (
    Transform,
    TransformLike,
    as_transform,
    lift,
    transform,
)
from adamx.core.wrapper import Wrapper, wrap
from adamx.errors import TransformError
from adamx.execution.rule_node import RuleNode
from adamx.hyperparameters.arguments import PositiveInteger, Whole
from adamx.hyperparameters.hyper import Schedule, as_schedule
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.check import fill_absent, one_number
from adamx.types import (
    Array,
    Param,
    Params,
    Scalar,
    ScalarOrSchedule,
    Shared,
    Slots,
    State,
    StepResult,
    Updates,
)


class Accumulator(Rule):
    needs = ("weight",)

    def slots(self, param: Array) -> Slots:
        return {"acc_grads": jnp.zeros_like(param)}

    def shared(self) -> Shared:
        return {k: jnp.zeros((), jnp.int32) for k in ("mini_step", "gradient_step")}

    def advance(self, shared: Shared, *_: object, weight: Scalar) -> Shared:
        return {**shared, "weight": weight}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        total = slots["acc_grads"] + shared["weight"] * g
        return total, {"acc_grads": total}


class Accumulate(Wrapper):
    """Add up updates; apply `plan` to the sum in each k-th call, else emit zeros."""

    keeps_degree: ClassVar[bool] = True

    every_k: int | Schedule
    mean: bool

    def begin(self, params: Params) -> dict[str, Any]:
        return self._rule_node.init(params)[self.name]

    def options(self) -> frozenset[str]:
        return super().options() | {"flush"}

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        k: Any = self.every_k
        if isinstance(k, Schedule):
            steps = own_state.get("gradient_step", jnp.zeros((), jnp.int32))
            k = jnp.maximum(jnp.round(k(steps)).astype(jnp.int32), 1)
        given = {"weight": 1 / k if self.mean else 1.0}
        state = {self.name: own_state}
        total, new = self._rule_node.apply(updates, state, params, given)
        new = new[self.name]
        done: Array = new["mini_step"] >= k - 1
        rescale: Array | None = None
        if "flush" in extra:
            flush = one_number("flush", extra["flush"], self.name, jnp.bool_)
            done = done | flush
            if self.mean:
                # because fewer than k weights of 1/k add up to less than 1
                calls = (new["mini_step"] + 1).astype(scalar_dtype())
                rescale = jnp.asarray(k, calls.dtype) / calls

        def run(total: Updates, inner: Any) -> tuple[Updates, Any]:
            if rescale is not None:
                share = rescale
                total = jax.tree.map(lambda t: t * share.astype(t.real.dtype), total)
            out, inner = self.plan.apply(total, inner, params, extra)
            out = jax.tree.map(lambda u, t: u.astype(t.dtype), out, total)
            # Without the barrier XLA would replace the cond by two copies if `opt` is
            # the identity.
            return jax.lax.optimization_barrier(out), inner

        def wait(total: Updates, inner: Any) -> tuple[Updates, Any]:
            return total, inner

        # Both branches return one tree, the updates or the sum so far. With two outputs
        # XLA would copy the whole state around the branches.
        total, inner = jax.lax.cond(done, run, wait, total, inner)
        out = jax.tree.map(lambda t: jnp.where(done, t, jnp.zeros_like(t)), total)
        rest = jax.tree.map(lambda t: jnp.where(done, jnp.zeros_like(t), t), total)
        new["acc_grads"] = fill_absent(rest, new["acc_grads"], "updates", self.name)
        new["gradient_step"] = jax.lax.select(
            done, next_count(new["gradient_step"]), new["gradient_step"]
        )
        new["mini_step"] = jax.lax.select(
            done, jnp.zeros_like(new["mini_step"]), new["mini_step"] + 1
        )
        return out, new, inner

    @cached_property
    def _rule_node(self) -> RuleNode:
        return RuleNode(((self.name, Accumulator()),))


@transform
def MultiSteps(
    opt: TransformLike,
    every_k_schedule: int | ScalarOrSchedule,
    use_grad_mean: bool = True,
) -> Transform:
    """Accumulate updates over k calls, and apply `opt` to their mean once.

    a ← a + g/k;  each k-th call: u = opt(a), a ← 0;  otherwise u = 0

    This equals one call with the mean over a batch k times as large. `opt` only runs in
    each k-th call, and its schedules count its own steps. A NaN or ∞ stays in the
    accumulator until the k-th call.

    `update(…, flush=True)` ends the window with this call: after m ≤ k calls `opt` is
    applied to the mean of these m. `flush` may be a traced bool, so that the last batch
    of an epoch needs no second compilation. `has_updated(state)` returns whether the
    last call made a step.

    Args:
        opt: the transform to apply in each k-th call.
        every_k_schedule: k ≥ 1, an integer, or a function that returns k for the
            number of steps of `opt` so far, an int32 array of shape ().
        use_grad_mean: whether `opt` gets the mean; otherwise it gets the sum.

    Returns:
        A transform that keeps `acc_grads`, `mini_step` and `gradient_step`, int32, and
        `inner`, the state of `opt`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.MultiSteps(adamx.sgd(1.0), 2)
        >>> state = tx.init(0.0)
        >>> for g in (1.0, 3.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        0.0
        -2.0
    """
    k = every_k_schedule
    if callable(k):
        k = as_schedule(k, "every_k_schedule", "MultiSteps")
    else:
        k = Whole(1).check("MultiSteps", "every_k_schedule", k)
    plan = as_transform(opt).plan
    return wrap(Accumulate("MultiSteps", plan, k, use_grad_mean))  # pyright: ignore


def has_updated(state: State) -> Array:
    """Return whether the last call of `update` made a step, or only accumulated.

    Of nested accumulations all must have made a step; of parallel ones one is enough. A
    step that `apply_if_finite`, `skip_large_updates` or `skip_spikes` skipped, inside
    or outside of the accumulation, does not count.

    Args:
        state: the state of a transform with `MultiSteps` anywhere in it.

    Returns:
        A bool array of shape (); False for the state that `init` returns.

    Raises:
        TransformError: there is no `MultiSteps` in the state.

    Reference:
        The name is that of a method of Optax's `MultiSteps`.

    Example:
        >>> import adamx
        >>> tx = adamx.MultiSteps(adamx.sgd(1.0), 2)
        >>> state = tx.init(0.0)
        >>> for _ in range(2):
        ...     _, state = tx.update(1.0, state)
        ...     print(bool(adamx.has_updated(state)))
        False
        True
    """
    accumulates, stepped = _stepped(state)
    if not accumulates:
        raise TransformError(
            "there is no 'MultiSteps' in the state",
            expected="the state of a transform with MultiSteps in it",
            got=sorted(state) if isinstance(state, dict) else type(state).__name__,
        )
    return stepped


def _stepped(state: State) -> tuple[bool, Array]:
    """Return whether a state accumulates, and whether its last call made a step."""
    if not isinstance(state, dict):
        return False, jnp.array(True)
    stepped = jnp.array(True)
    if accumulates := state.keys() >= {"mini_step", "gradient_step"}:
        stepped = (state["mini_step"] == 0) & (state["gradient_step"] > 0)
    if "last_skipped" in state:
        stepped = stepped & ~state["last_skipped"]
    if "last_finite" in state:
        stepped = stepped & state["last_finite"]
    below = [_stepped(part) for part in state.values()]
    if found := [part for accumulating, part in below if accumulating]:
        return True, stepped & functools.reduce(jnp.logical_or, found)
    return accumulates, functools.reduce(
        jnp.logical_and, [x for _, x in below], stepped
    )


@transform
def apply_every(k: PositiveInteger = 1) -> Transform:
    """Add updates up, and emit the sum in each k-th call; zeros otherwise.

    a ← a + g;  each k-th call: u = a, a ← 0;  otherwise u = 0

    Pieces behind it get zeros in k−1 of k calls. To make one step for k batches, wrap
    the optimizer in `MultiSteps` instead.

    Args:
        k: an integer ≥ 1.

    Returns:
        A transform that keeps the state of `MultiSteps`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.apply_every(2)
        >>> state = tx.init(0.0)
        >>> for g in (1.0, 3.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        0.0
        4.0
    """
    return MultiSteps(lift(Identity(), "identity"), k, use_grad_mean=False)
