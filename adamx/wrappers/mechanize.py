"""Mechanic: a factor of all steps of an optimizer, learned during training."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp

from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.execution.rule_node import RuleNode
from adamx.hyperparameters.arguments import OneOf, PositiveInteger
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import divisor, largest_invertible
from adamx.numerics.averages import lerp, running_mean
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import root_of_squares, squares_of, total_norm
from adamx.numerics.products import bounded_product, joined_product, product_of
from adamx.types import (
    Array,
    Hyper,
    Param,
    Params,
    Rate,
    Shared,
    Slots,
    State,
    StepResult,
    Updates,
)

BASE = "base_updates"
Variant: TypeAlias = Annotated[str, OneOf(("optax", "paper"))]


class Tuner(Rule):
    """Learn the factor from the gradients and the updates of the base optimizer.

    Δ, r and v are kept as means, with weights that add up to 1, because sums would stop
    growing. The gains h are divided by the largest of them, and v is kept as its root,
    because they could overflow.
    """

    locality = "tree"
    counts = True
    needs_params = True
    needs_trees = (BASE,)

    weight_decay: Rate
    eps: Hyper
    s_init: Hyper
    num_betas: int
    variant: str

    def slots(self, param: Array) -> Slots:
        return {"x0": param, "mean_update": jnp.zeros_like(param)}

    def shared(self) -> Shared:
        names = "largest", "root", "reward", "scales"
        each = {n: jnp.zeros(self.num_betas, scalar_dtype()) for n in names}
        return {"unit": jnp.zeros((), scalar_dtype()), **each}

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> dict[str, Any]:
        assert param is not None
        mean = slots["mean_update"]
        products = {"g": product_of(g, mean), "params": product_of(param, mean)}
        return {**products, "norms": (squares_of(g), squares_of(param))}

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        measured = over_leaves(self.measure, shared)
        gain = self.gain(shared, measured)
        size = jnp.abs(gain)
        highest = jnp.maximum(shared["unit"], size + self.eps)
        unit, usable = divisor(highest)
        gain, size, eps = gain / unit, size / unit, self.eps / unit
        lost = jnp.array([0.1 ** (i + 1) for i in range(self.num_betas)], unit.dtype)
        weight = _weights(lost, shared["count"])
        weight_sq = _weights(lost * (2 - lost), shared["count"])

        def before(name: str) -> Array:
            return shared["unit"] / unit * shared[name]

        won, margin = gain, 0.0
        if self.variant == "optax":
            bound = before("largest")
            won, margin = jnp.clip(gain, -bound, bound), eps
        reward = lerp(before("reward"), won * shared["scales"], 1 / weight)
        if self.variant == "paper":
            reward = jnp.maximum(reward, 0)
        kept = before("largest") - lost * before("largest")
        largest = jnp.maximum(kept, size + margin)
        share = 1 / weight_sq
        root = root_of_squares(1 - share, before("root"), share, size)
        wealth = self.s_init / self.num_betas * largest
        wealth = wealth + jnp.maximum(reward, 0) * weight
        below = jnp.where(usable, root * jnp.sqrt(weight_sq) + eps, 1)
        scales = jnp.where(usable, wealth / below, self.s_init / self.num_betas)
        # Clipped, because gains grow without bound while parameters do not change.
        scales = jnp.minimum(scales, 2.0**55 * self.s_init)
        known = {"largest": largest, "root": root, "reward": reward, "scales": scales}
        return {**shared, "unit": highest, **known, "scale": jnp.sum(scales)}

    def gain(self, shared: Shared, measured: dict[str, Any]) -> Array:
        """Return −⟨g + λ·s·(‖g‖/‖θ‖)·θ, Δ⟩, with Δ and s before this step."""
        of_g, of_params = (total_norm(*pair) for pair in measured["norms"])
        along = {
            name: bounded_product(joined_product(*measured[name]))
            for name in ("g", "params")
        }
        steps = (shared["count"] - 1).astype(scalar_dtype())
        decay = self.weight_decay * jnp.sum(shared["scales"])
        decay = decay / (of_params + self.eps) * along["params"]
        total = along["g"] + decay * of_g
        bound = largest_invertible(steps.dtype)
        return -jnp.clip(total * steps, -bound, bound)

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        count, x0 = shared["count"], slots["x0"]
        mean = running_mean(slots["mean_update"], shared[BASE], count)
        u = (x0 - param) + shared["scale"] * count.astype(x0.real.dtype) * mean
        return u, {"x0": x0, "mean_update": mean}


def _weights(lost: Array, count: Array) -> Array:
    """Return the sum of (1 − lost)ⁱ for i in range(count)."""
    return -jnp.expm1(count.astype(lost.dtype) * jnp.log1p(-lost)) / lost


class Mechanic(Wrapper):
    """Apply `plan`, and then the tuner to the input and output of `plan`."""

    tuner: Tuner

    def begin(self, params: Params) -> dict[str, Any]:
        return self._rule_node.init(params)[self.name]

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        base, inner = self.plan.apply(updates, inner, params, extra)
        state = {self.name: own_state}
        out, new = self._rule_node.apply(updates, state, params, {**extra, BASE: base})
        return out, new[self.name], inner

    @cached_property
    def _rule_node(self) -> RuleNode:
        return RuleNode(((self.name, self.tuner),))


@transform
def mechanize(
    base_optimizer: TransformLike,
    weight_decay: NonNegative = 1e-2,
    eps: NonNegative = 1e-8,
    s_init: NonNegative = 1e-6,
    num_betas: PositiveInteger = 6,
    *,
    variant: Variant = "optax",
) -> Transform:
    """Learn one factor for all steps of an optimizer.

    h = −⟨g + λ·Σs·(‖g‖/(‖θ‖ + ε))·θ, Δ⟩, over all leaves,  Δ ← Δ + base update
    for each β = 0.9, 0.99, 0.999 and so on, with h' = h within ±m:
        m ← max(β·m, |h| + ε),  v ← β²·v + h²,  r ← β·r + h'·s
        s ← (m·s₀/n + max(r, 0)) / (√v + ε)
    u = θ₀ − θ + Σs·Δ

    Give the base a learning rate of 1, or a schedule whose highest value is 1. The clip
    of h is not in the paper: with the variant "paper" h' is h, r is at least 0, and m
    has no ε, so that the first step is 0.

    Optax computes Δ from the parameters, (θ − θ₀) / (Σs + ε), which has few correct
    digits in low precision. Here Δ is in the state.

    Args:
        base_optimizer: a whole optimizer, sign included, but not one whose steps have
            the same norm for each layer.
        weight_decay: λ ≥ 0, in addition to that of `base_optimizer`.
        eps: ε ≥ 0.
        s_init: s₀ > 0, the first factor, which should be too small; 1e-8 in the paper.
        num_betas: n ≥ 1, an integer.
        variant: "optax" or "paper".

    Returns:
        A transform that keeps, under `inner`, the state of `base_optimizer`, `x0` (θ₀),
        `mean_update` (Δ over the number of steps) and n numbers of each scalar above,
        among them `scales` (s).

    Reference:
        Cutkosky, Defazio & Mehta, "Mechanic: A Learning Rate Tuner", 2023,
        arXiv:2306.00144.

    Example:
        >>> import adamx
        >>> tx = adamx.mechanize(adamx.sgd(1.0), s_init=0.5)
        >>> updates, state = tx.update(3.0, tx.init(3.0), 3.0)
        >>> round(float(updates), 6)
        -1.5
    """
    tuner = Tuner(weight_decay, eps, s_init, num_betas, variant)
    return wrap(Mechanic("mechanize", as_transform(base_optimizer).plan, tuner))
