"""Sharpness-aware minimization: gradients from where the loss is worst nearby."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.apply import apply_updates
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, around
from adamx.execution.lift import Lifted
from adamx.execution.plan import Plan
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.hyperparameters.user_code import user_code
from adamx.tree.check import alongside, argument, keep_absent, needed_params
from adamx.types import Array, Params, Shared, Slots, State, Updates


class Sam(Wrapper):
    """`plan` steps with gradients from where `adversary`, in k−1 steps, has gone."""

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
        """The step up that the adversary, which believes it goes down, would take."""
        down, state = self.adversary.apply(updates, state, params, extra)
        return jax.tree.map(jnp.negative, down), state


class SamAtOnce(Sam):
    """Asks for the gradients up there itself, in one call of update."""

    def needs(self) -> frozenset[str]:
        return super().needs() | {"grad_fn"}

    def begin(self, params: Params) -> dict[str, Any]:
        kept = {} if self.reset_state else self.adversary.init(params)
        return {"adversary": kept} if kept else {}

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        at = params = needed_params(params, self.name)
        grad_fn = argument("grad_fn", extra, self.name)
        up = self.adversary.init(params) if self.reset_state else mine.get("adversary")
        for i in range(self.sync_period - 1):
            climb, up = self._climbed(updates, up or {}, at, extra)
            at = apply_updates(at, climb)
            with user_code("grad_fn", self.name):
                found = grad_fn(at, i)
            updates = alongside(updates, found, "what grad_fn returns", self.name)
        out, inner = self.plan.apply(updates, inner, params, extra)
        return out, {"adversary": up} if "adversary" in mine else {}, inner


class Return(Rule):
    """Remembers where a round began, and which step of it this is, from 1."""

    needs_params = True

    sync_period: int

    def slots(self, param: Array) -> Slots:
        return {"cache": param}

    def shared(self) -> Shared:
        return {"steps_since_sync": jnp.zeros((), jnp.int32)}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        return {"steps_since_sync": shared["steps_since_sync"] % self.sync_period + 1}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        begins = shared["steps_since_sync"] == 1
        cache = jnp.where(begins, param, slots["cache"])
        return cache - param, {"cache": cache}


class SamInTurns(Sam):
    """Lets the caller take the steps up too, and then comes back."""

    def begin(self, params: Params) -> dict[str, Any]:
        up = self.adversary.init(params)
        kept = self._lifted().init(params)[self.name]
        return kept | ({"adversary": up} if up else {})

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        up = mine.pop("adversary", {})
        back, kept = self._lifted().apply(updates, {self.name: mine}, params, extra)
        params, mine = needed_params(params, self.name), kept[self.name]
        begun = jax.tree.map(lambda c, p: c.astype(p.dtype), mine["cache"], params)

        def descend(updates: Updates, up: State, inner: State) -> Any:
            out, inner = self.plan.apply(updates, inner, begun, extra)
            if self.reset_state:
                up = keep_absent(updates, self.adversary.init(params), up)
            return jax.tree.map(jnp.add, out, back), up, inner

        def climb(updates: Updates, up: State, inner: State) -> Any:
            return *self._climbed(updates, up, params, extra), inner

        last = mine["steps_since_sync"] == self.sync_period
        updates, up, inner = jax.lax.cond(last, descend, climb, updates, up, inner)
        return updates, mine | ({"adversary": up} if up else {}), inner

    def _lifted(self) -> Lifted:
        return Lifted(((self.name, Return(self.sync_period)),))


@transform
def sam(
    optimizer: TransformLike,
    adv_optimizer: TransformLike,
    sync_period: PositiveInteger = 2,
    reset_state: bool = True,
    opaque_mode: bool = False,
) -> Transform:
    """Step with the gradient from where the loss nearby is worst, to find flat minima.

    k−1 times:  θ' ← θ' − a(∇L(θ'))   up, from θ' = θ
    once:       θ ← θ + u(∇L(θ'))     down, from θ

    a is what `adv_optimizer` emits; `chain(normalize(), sgd(ρ))` is the paper's, a step
    of length ρ uphill. u is what `optimizer` emits.

    By default each call of update is one of these steps: parameters alternate between
    θ' and θ, and are those to be evaluated after each k-th call. With `opaque_mode` a
    call does all of them and asks for the other gradients itself: `grad_fn`, a function
    of parameters and the number of the step, 0 to k−2, is an argument of update. On
    several devices it takes the mean over them itself.

    Args:
        optimizer: a whole optimizer, learning rate and sign included.
        adv_optimizer: a whole optimizer, which goes down; it is used to go up.
        sync_period: k ≥ 1, an integer; k−1 steps up, then one down.
        reset_state: whether `adv_optimizer` starts anew each time.
        opaque_mode: whether one call of update does all.

    Returns:
        The transform; its state is that of `optimizer`, under `inner`, and, in turns,
        `cache`, like the parameters, and `steps_since_sync`; under `adversary` that of
        `adv_optimizer`. It needs the parameters, and with `opaque_mode` `grad_fn`.

    Raises:
        TransformError: k is not a positive integer; (when used) `grad_fn` is missing,
            or returns something else than a tree like the parameters.

    Reference:
        Foret et al., "Sharpness-Aware Minimization for Efficiently Improving
        Generalization", 2020, arXiv:2010.01412. The name is Optax's.

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
    return around(kind("sam", *plans, sync_period, reset_state))
