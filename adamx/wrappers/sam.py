"""Sharpness-aware minimization: gradients at a nearby point of higher loss."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.apply import apply_updates
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.execution.plan import Plan
from adamx.execution.rule_node import RuleNode
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.hyperparameters.user_code import user_code
from adamx.tree.check import align_with_updates, argument, keep_absent, needed_params
from adamx.types import Array, Param, Params, Shared, Slots, State, StepResult, Updates


class Sam(Wrapper):
    """Step with the gradient at the point that `adversary` reaches in k−1 steps."""

    adversary: Plan
    sync_period: int
    reset_state: bool

    def plans(self) -> tuple[Plan, ...]:
        return self.plan, self.adversary

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        return {**super().inside(params), "adversary": (self.adversary, params)}

    def _climbed(
        self, updates: Updates, state: State, params: Params, extra: Any
    ) -> tuple[Updates, State]:
        """Return the step up: the adversary's step down, with its sign flipped."""
        down, state = self.adversary.apply(updates, state, params, extra)
        return jax.tree.map(jnp.negative, down), state


class SamAtOnce(Sam):
    """Compute the gradients of all steps in one call of update."""

    def needs(self) -> frozenset[str]:
        return super().needs() | {"grad_fn"}

    def begin(self, params: Params) -> dict[str, Any]:
        kept = {} if self.reset_state else self.adversary.init(params)
        return {"adversary": kept} if kept else {}

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        at = params = needed_params(params, self.name)
        grad_fn = argument("grad_fn", extra, self.name)
        up = (
            self.adversary.init(params)
            if self.reset_state
            else own_state.get("adversary")
        )
        for i in range(self.sync_period - 1):
            climb, up = self._climbed(updates, up or {}, at, extra)
            at = apply_updates(at, climb)
            with user_code("grad_fn", self.name):
                found = grad_fn(at, i)
            updates = align_with_updates(
                updates, found, "what grad_fn returns", self.name
            )
        out, inner = self.plan.apply(updates, inner, params, extra)
        return out, {"adversary": up} if "adversary" in own_state else {}, inner


class Return(Rule):
    """Keep the parameters at the start of a round, and count its steps from 1."""

    needs_params = True

    sync_period: int

    def slots(self, param: Array) -> Slots:
        return {"cache": param}

    def shared(self) -> Shared:
        return {"steps_since_sync": jnp.zeros((), jnp.int32)}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        return {"steps_since_sync": shared["steps_since_sync"] % self.sync_period + 1}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        begins = shared["steps_since_sync"] == 1
        cache = jnp.where(begins, param, slots["cache"])
        return cache - param, {"cache": cache}


class SamInTurns(Sam):
    """Take one step of a round in each call of update: k−1 up, and then one down."""

    def begin(self, params: Params) -> dict[str, Any]:
        up = self.adversary.init(params)
        kept = self._rule_node.init(params)[self.name]
        return kept | ({"adversary": up} if up else {})

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        up = own_state.pop("adversary", {})
        back, kept = self._rule_node.apply(
            updates, {self.name: own_state}, params, extra
        )
        params, own_state = needed_params(params, self.name), kept[self.name]
        begun = jax.tree.map(lambda c, p: c.astype(p.dtype), own_state["cache"], params)

        def descend(updates: Updates, up: State, inner: State) -> Any:
            out, inner = self.plan.apply(updates, inner, begun, extra)
            if self.reset_state:
                up = keep_absent(updates, self.adversary.init(params), up)
            return jax.tree.map(jnp.add, out, back), up, inner

        def climb(updates: Updates, up: State, inner: State) -> Any:
            return *self._climbed(updates, up, params, extra), inner

        last = own_state["steps_since_sync"] == self.sync_period
        updates, up, inner = jax.lax.cond(last, descend, climb, updates, up, inner)
        return updates, own_state | ({"adversary": up} if up else {}), inner

    @cached_property
    def _rule_node(self) -> RuleNode:
        return RuleNode(((self.name, Return(self.sync_period)),))


@transform
def sam(
    optimizer: TransformLike,
    adv_optimizer: TransformLike,
    sync_period: PositiveInteger = 2,
    reset_state: bool = True,
    opaque_mode: bool = False,
) -> Transform:
    """Step with the gradient at a nearby point of higher loss, to find flat minima.

    k−1 times:  θ' ← θ' − a(∇L(θ'))   up, from θ' = θ
    once:       θ ← θ + u(∇L(θ'))     down, from θ

    `adv_optimizer` emits a; in the paper it is `chain(normalize(), sgd(ρ))`, a step of
    length ρ uphill. `optimizer` emits u.

    By default each call of update is one of these steps: parameters alternate between
    θ' and θ, so evaluate them after each k-th call. With `opaque_mode` one call makes
    all steps. It computes the other gradients with `grad_fn`, an argument of update: a
    function of the parameters and the index of the step, 0 to k−2. On several devices
    `grad_fn` must average over them.

    Args:
        optimizer: a whole optimizer, learning rate and sign included.
        adv_optimizer: a whole optimizer, whose steps are negated to go uphill.
        sync_period: k ≥ 1, an integer; k−1 steps up, then one down.
        reset_state: whether the state of `adv_optimizer` is reset in each round.
        opaque_mode: whether one call of update makes all steps.

    Returns:
        A transform that keeps the state of `optimizer`, under `inner`, that of
        `adv_optimizer`, under `adversary`, and, without `opaque_mode`, `cache`, like
        the parameters, and `steps_since_sync`. It needs the parameters, and with
        `opaque_mode` `grad_fn`.

    Reference:
        Foret et al., "Sharpness-Aware Minimization for Efficiently Improving
        Generalization", 2020, arXiv:2010.01412.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> up = adamx.chain(adamx.normalize(), adamx.sgd(0.1))
        >>> tx = adamx.sam(adamx.sgd(0.25), up, opaque_mode=True)
        >>> grad = jax.grad(lambda p: p**2)
        >>> params = jnp.array(1.0)
        >>> updates, _ = tx.update(
        ...     grad(params), tx.init(params), params, grad_fn=lambda p, i: grad(p)
        ... )
        >>> round(float(updates), 6)  # −0.25 · 2 · (1 + 0.1)
        -0.55
    """
    plans = as_transform(optimizer).plan, as_transform(adv_optimizer).plan
    kind = SamAtOnce if opaque_mode else SamInTurns
    return wrap(kind("sam", *plans, sync_period, reset_state))
