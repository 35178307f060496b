"""Steps to the minimum of a model of the loss, built from past values and gradients."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp

from adamx.core.ratio import root_plus
from adamx.core.rule import OverLeaves, Rule
from adamx.hyperparameters.arguments import OneOf
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable
from adamx.numerics.averages import lerp, moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.products import Product, bounded_product, joined_product, product_of
from adamx.types import Array, Hyper, Param, Rate, Scalar, Shared, Slots, StepResult

DecayForm: TypeAlias = Annotated[str, OneOf(("divided", "beside", "adamw"))]


class MomentumModel(Rule):
    """Minimize the model max(f̄ + ⟨d, · ⟩ − γ, f*) of averages.

    The weights of all averages add up to 1 from the first step on, so that no bias
    correction is needed. ⟨d, θ⟩ − γ is computed as b·(⟨d', θ⟩ − γ') from the old d' and
    γ', because the difference of two products with the new gradient would be inexact.
    If θ does not change it is exactly 0.
    """

    locality = "tree"
    needs = ("value",)
    needs_params = True

    learning_rate: Rate
    beta: Hyper
    lower_bound: Hyper
    weight_decay: Hyper
    adapt_lower_bound: bool
    corrected: bool
    decay_form: str

    def slots(self, param: Array) -> Slots:
        return {"mu": jnp.zeros_like(param)}

    def shared(self) -> Shared:
        names = "weight", "value", "gamma", "bound"
        return {name: jnp.zeros((), scalar_dtype()) for name in names}

    def advance(
        self, shared: Shared, *_: object, value: Scalar, over_leaves: OverLeaves
    ) -> Shared:
        shared = self.weighed(shared, value)
        return self.modelled(shared, over_leaves(self.measure, shared))

    def weighed(self, shared: Shared, value: Scalar) -> Shared:
        """Return `shared` with the average of losses, and the weight of the new one."""
        first = shared["weight"] == 0
        weight, share = _next_share(shared["weight"], self.beta)
        if not self.corrected:
            weight, share = jnp.ones_like(weight), jnp.where(first, 1, 1 - self.beta)
        value = jnp.asarray(value, scalar_dtype())
        bound = jnp.where(
            first | (not self.adapt_lower_bound),
            self.lower_bound,
            shared["bound"],
        )
        new = {
            "weight": weight,
            "value": lerp(shared["value"], value, share),
            "bound": bound,
            "share": share,
        }
        return {**shared, **new}

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Product, ...]:
        assert param is not None
        new, direction = self.averaged(g, slots, shared)
        pairs = (slots["mu"], param), (new["mu"], param), (new["mu"], direction)
        return tuple(product_of(*pair) for pair in pairs)

    def modelled(self, shared: Shared, measured: tuple[Product, ...]) -> Shared:
        """Return `shared` with the step size at which the model reaches its bound."""
        before, now, metric = (joined_product(*product) for product in measured)
        was_at = bounded_product(before) - shared["gamma"]
        ahead = (1 - shared["share"]) * was_at
        gamma = bounded_product(now) - ahead
        grown = 1 + self.learning_rate * self.weight_decay
        # The model at the decayed parameters, times 1 + α·λ.
        model = grown * shared["value"] + (ahead - (grown - 1) * gamma)
        bound = shared["bound"]
        if self.adapt_lower_bound:
            halved = jnp.maximum(model / (2 * grown), self.lower_bound)
            bound = jnp.where(model < grown * bound, halved, bound)
        above = jnp.maximum(model - grown * bound, 0)
        of_mu, unit, norm_sq = metric
        # The step size for the direction over `unit`; ‖d‖² is of_mu·unit·norm_sq.
        least = float(jnp.finfo(norm_sq.dtype).tiny)
        usable = ~((norm_sq < least) | (of_mu < least) | (unit < least))
        of_mu, norm_sq, unit = (jnp.where(usable, x, 1) for x in (of_mu, norm_sq, unit))
        rate = jnp.minimum(self.learning_rate * unit, above / of_mu / norm_sq)
        rate = jnp.where(usable, rate, 0)
        if self.adapt_lower_bound:
            reached = shared["value"] + ahead - rate * norm_sq * of_mu / 2
            bound = jnp.maximum(reached, self.lower_bound)
        new = {"gamma": gamma, "bound": bound, "unit": unit, "rate": rate}
        return {**shared, **new}

    def averaged(self, g: Array, slots: Slots, shared: Shared) -> tuple[Slots, Array]:
        """Return the next slots, and the direction: d, or d divided by its metric."""
        raise NotImplementedError

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        slots, direction = self.averaged(g, slots, shared)
        u = -(direction / shared["unit"] * shared["rate"])
        lost = self.learning_rate * self.weight_decay
        if self.decay_form == "adamw":
            return u - lost * param, slots
        if self.decay_form == "beside":
            return u - lost / (1 + lost) * param, slots
        return (u - lost * param) / (1 + lost), slots


def _next_share(weight: Array, decay: Scalar) -> tuple[Array, Array]:
    """Return the next sum of an average's weights, and the share of the last one."""
    weight = moving_average(weight, jnp.ones_like(weight), decay)
    return weight, (1 - decay) / weight


class Momo(MomentumModel):
    def averaged(self, g: Array, slots: Slots, shared: Shared) -> tuple[Slots, Array]:
        mu = lerp(slots["mu"], g, shared["share"])
        return {"mu": mu}, mu


class MomoAdam(MomentumModel):
    b2: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {**super().slots(param), "nu": jnp.zeros_like(param.real)}

    def shared(self) -> Shared:
        return {**super().shared(), "weight_sq": jnp.zeros((), scalar_dtype())}

    def weighed(self, shared: Shared, value: Scalar) -> Shared:
        weight, share = _next_share(shared["weight_sq"], self.b2)
        shared = super().weighed(shared, value)
        return {**shared, "weight_sq": weight, "share_sq": share}

    def averaged(self, g: Array, slots: Slots, shared: Shared) -> tuple[Slots, Array]:
        g = clip_to_squarable(g)
        mu = lerp(slots["mu"], g, shared["share"])
        nu = lerp(slots["nu"], abs_sq(g), shared["share_sq"])
        return {"mu": mu, "nu": nu}, mu / root_plus(nu, self.eps, 0.0)
