"""Mechanic: how long all steps of an optimizer should have been together, learnt."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, around
from adamx.execution.lift import Lifted
from adamx.hyperparameters.arguments import OneOf, PositiveInteger
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import divisor
from adamx.numerics.averages import running_mean, towards
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import (
    bounded_product,
    joined_product,
    norm_of,
    product_of,
    root_of_squares,
    total_norm,
)
from adamx.types import Array, Hyper, Params, Rate, Shared, Slots, State, Updates

BASE = "base_updates"
Variant: TypeAlias = Annotated[str, OneOf(("optax", "paper"))]


class Tuner(Rule):
    """Given the raw gradients, and beside them the updates that a base made of them.

    Δ is kept as a mean, and so are r and v, with weights that add up to 1: sums would
    stop growing. What is known of the gains h is kept in units of the largest of them,
    v as its root; so all of it is a number.
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
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> dict[str, Any]:
        assert param is not None
        mean = slots["mean_update"]
        products = {"g": product_of(g, mean), "params": product_of(param, mean)}
        return {**products, "norms": (norm_of(g), norm_of(param))}

    def gather(self, shared: Shared, measured: dict[str, Any]) -> Shared:
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
        reward = towards(before("reward"), won * shared["scales"], 1 / weight)
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
        # While parameters are held, gains have no end; the scale is to remain a number.
        scales = jnp.minimum(scales, 2.0**55 * self.s_init)
        known = {"largest": largest, "root": root, "reward": reward, "scales": scales}
        return {**shared, "unit": highest, **known, "scale": jnp.sum(scales)}

    def gain(self, shared: Shared, measured: dict[str, Any]) -> Array:
        """−⟨g + λ·s·(‖g‖/‖θ‖)·θ, Δ⟩, with the Δ and s before this step."""
        of_g, of_params = (total_norm(*pair) for pair in measured["norms"])
        along = {
            name: bounded_product(joined_product(*measured[name]))
            for name in ("g", "params")
        }
        steps = (shared["count"] - 1).astype(scalar_dtype())
        decay = self.weight_decay * jnp.sum(shared["scales"])
        decay = decay / (of_params + self.eps) * along["params"]
        total = along["g"] + decay * of_g
        bound = float(jnp.finfo(steps.dtype).max) / 8
        return -jnp.clip(total * steps, -bound, bound)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        count, x0 = shared["count"], slots["x0"]
        mean = running_mean(slots["mean_update"], shared[BASE], count)
        u = (x0 - param) + shared["scale"] * count.astype(x0.real.dtype) * mean
        return u, {"x0": x0, "mean_update": mean}


def _weights(lost: Array, count: Array) -> Array:
    """The sum of (1 − lost)ⁱ for i from 0 to below `count`."""
    return -jnp.expm1(count.astype(lost.dtype) * jnp.log1p(-lost)) / lost


class Mechanic(Wrapper):
    """Lets `plan` act, and the tuner on what comes in and out of it."""

    tuner: Tuner

    def begin(self, params: Params) -> dict[str, Any]:
        return self._lifted().init(params)[self.name]

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        base, inner = self.plan.apply(updates, inner, params, extra)
        state = {self.name: mine}
        out, new = self._lifted().apply(updates, state, params, {**extra, BASE: base})
        return out, new[self.name], inner

    def _lifted(self) -> Lifted:
        return Lifted(((self.name, self.tuner),))


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
    """Learn the factor of all steps of an optimizer.

    h = −⟨g + λ·Σs·(‖g‖/(‖θ‖ + ε))·θ, Δ⟩, over all leaves,  Δ ← Δ + base update
    for each β = 0.9, 0.99, 0.999 and so on, with h' = h within ±m:
        m ← max(β·m, |h| + ε),  v ← β²·v + h²,  r ← β·r + h'·s
        s ← (m·s₀/n + max(r, 0)) / (√v + ε)
    u = θ₀ − θ + Σs·Δ

    Give the base a learning rate of 1, or a schedule whose highest value is 1. The clip
    of h came after the paper: with the variant "paper" h' is h, r itself is no less
    than 0, and ε is not in m, so that the first step is none.

    Optax reads Δ out of the parameters, (θ − θ₀) / (Σs + ε): in low precision there is
    little left of it. Here it is in the state.

    Args:
        base_optimizer: a whole optimizer, sign included, not one that makes all steps
            of a layer equally long.
        weight_decay: λ ≥ 0, beside that of `base_optimizer`.
        eps: ε ≥ 0.
        s_init: s₀ > 0, the first factor; too small is right. 1e-8 in the paper.
        num_betas: n ≥ 1, an integer.
        variant: "optax" or "paper".

    Returns:
        The transform; its state is, under `inner`, that of `base_optimizer`, `x0` (θ₀)
        and `mean_update` (Δ over the number of steps), like the parameters, at least
        float32, and n numbers each of what is above, among them `scales` (s). It needs
        the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval, n is no positive
            integer, or the variant is unknown.

    Reference:
        Cutkosky, Defazio & Mehta, "Mechanic: A Learning Rate Tuner", 2023,
        arXiv:2306.00144. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.mechanize(adamx.sgd(1.0), s_init=0.5)
        >>> params = jnp.array(3.0)
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> round(float(updates), 6)
        -1.5
    """
    tuner = Tuner(weight_decay, eps, s_init, num_betas, variant)
    return around(Mechanic("mechanize", as_transform(base_optimizer).plan, tuner))
