"""Steps to where a model of the loss, made of past values and gradients, is least."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp

from adamx.core.ratio import root_plus
from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.numerics.averages import moving_average, towards
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import Product, bounded_product, joined_product, product_of
from adamx.types import Array, Hyper, Rate, Scalar, Shared, Slots

DecayForm: TypeAlias = Annotated[str, OneOf(("divided", "beside", "adamw"))]


class MomentumModel(Rule):
    """The model is max(f̄ + ⟨d, · ⟩ − γ, f*): averages of losses, gradients, products.

    All averages have weights that add up to 1 from the first step on, so that bias
    corrections are nowhere else. ⟨d, θ⟩ − γ is not taken of two products of today:
    b·(⟨d', θ⟩ − γ'), of the d' and γ' before, has the new gradient left out, and is
    exactly 0 where θ stays.
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

    def advance(self, shared: Shared, *_: object, value: Scalar) -> Shared:
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
            "value": towards(shared["value"], value, share),
            "bound": bound,
            "share": share,
        }
        return {**shared, **new}

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Product, ...]:
        assert param is not None
        new, direction = self.averaged(g, slots, shared)
        pairs = (slots["mu"], param), (new["mu"], param), (new["mu"], direction)
        return tuple(product_of(*pair) for pair in pairs)

    def gather(self, shared: Shared, measured: tuple[Product, ...]) -> Shared:
        before, now, metric = (joined_product(*product) for product in measured)
        was_at = bounded_product(before) - shared["gamma"]
        ahead = (1 - shared["share"]) * was_at
        gamma = bounded_product(now) - ahead
        grown = 1 + self.learning_rate * self.weight_decay
        # The model at its decayed centre, times 1 + α·λ.
        model = grown * shared["value"] + (ahead - (grown - 1) * gamma)
        bound = shared["bound"]
        if self.adapt_lower_bound:
            halved = jnp.maximum(model / (2 * grown), self.lower_bound)
            bound = jnp.where(model < grown * bound, halved, bound)
        above = jnp.maximum(model - grown * bound, 0)
        of_mu, unit, norm_sq = metric
        # Of the direction in its own unit, ‖d‖² being of_mu·unit·norm_sq.
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
        """The next slots, and the direction of the step: d, or d over its metric."""
        raise NotImplementedError

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        slots, direction = self.averaged(g, slots, shared)
        u = -(direction / shared["unit"] * shared["rate"])
        lost = self.learning_rate * self.weight_decay
        if self.decay_form == "adamw":
            return u - lost * param, slots
        if self.decay_form == "beside":
            return u - lost / (1 + lost) * param, slots
        return (u - lost * param) / (1 + lost), slots


def _next_share(weight: Array, decay: Scalar) -> tuple[Array, Array]:
    """Of a moving average from 0: its weights so far, and the share of the last."""
    weight = moving_average(weight, jnp.ones_like(weight), decay)
    return weight, (1 - decay) / weight


class Momo(MomentumModel):
    def averaged(self, g: Array, slots: Slots, shared: Shared) -> tuple[Slots, Array]:
        mu = towards(slots["mu"], g, shared["share"])
        return {"mu": mu}, mu


@transform
def scale_by_momo(
    learning_rate: NonNegative = 1.0,
    beta: Decay = 0.9,
    lower_bound: Finite = 0.0,
    weight_decay: NonNegative = 0.0,
    adapt_lower_bound: bool = False,
    *,
    bias_correction: bool = False,
    decay_form: DecayForm = "divided",
) -> Momo:
    """Emit MoMo's step, sign and learning rate included; see `momo`.

    u = −(τ·d + α·λ·θ) / (1 + α·λ)

    Args:
        learning_rate: α ≥ 0, the largest τ, a number, traced scalar or schedule.
        beta: b in [0, 1), of all averages.
        lower_bound: f*, no more than the least loss.
        weight_decay: λ ≥ 0.
        adapt_lower_bound: whether f* is estimated, from `lower_bound` upwards.
        bias_correction: whether averages begin at 0, and are corrected.
        decay_form: "divided", "beside" or "adamw", as for `momo`.

    Returns:
        The transform; its state is `mu` (d), like the parameters, at least float32, and
        a few scalars. Its update needs the parameters, and `value`, the loss there.

    Raises:
        TransformError: a hyperparameter is outside its interval, or the form of decay
            is unknown; (when used) `update` is called without `value`.

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: Momentum Models for Adaptive
        Learning Rates", 2023, arXiv:2305.07583, algorithm 1.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_momo()
        >>> params = jnp.array(2.0)
        >>> tx.update(params, tx.init(params), params, value=2.0)[0].item()
        -1.0
    """
    rest = adapt_lower_bound, bias_correction, decay_form
    return Momo(learning_rate, beta, lower_bound, weight_decay, *rest)


class MomoAdam(MomentumModel):
    b2: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {**super().slots(param), "nu": jnp.zeros_like(param.real)}

    def shared(self) -> Shared:
        return {**super().shared(), "weight_sq": jnp.zeros((), scalar_dtype())}

    def advance(self, shared: Shared, *_: object, value: Scalar) -> Shared:
        weight, share = _next_share(shared["weight_sq"], self.b2)
        shared = super().advance(shared, value=value)
        return {**shared, "weight_sq": weight, "share_sq": share}

    def averaged(self, g: Array, slots: Slots, shared: Shared) -> tuple[Slots, Array]:
        g = squarable(g)
        mu = towards(slots["mu"], g, shared["share"])
        nu = towards(slots["nu"], abs_sq(g), shared["share_sq"])
        return {"mu": mu, "nu": nu}, mu / root_plus(nu, self.eps, 0.0)


@transform
def scale_by_momo_adam(
    learning_rate: NonNegative = 1e-2,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    lower_bound: Finite = 0.0,
    weight_decay: NonNegative = 0.0,
    adapt_lower_bound: bool = False,
    *,
    decay_form: DecayForm = "divided",
) -> MomoAdam:
    """Emit MoMo-Adam's step, sign and learning rate included; see `momo_adam`.

    u = −(τ·d/D + α·λ·θ) / (1 + α·λ), with D = √ν̂ + ε

    Args:
        learning_rate: α ≥ 0, the largest τ, a number, traced scalar or schedule.
        b1: decay of the averages of losses, gradients and products, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0.
        lower_bound: f*, no more than the least loss.
        weight_decay: λ ≥ 0.
        adapt_lower_bound: whether f* is estimated, from `lower_bound` upwards.
        decay_form: "divided", "beside" or "adamw", as for `momo`.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars. Its update needs the parameters, and `value`, the
        loss there.

    Raises:
        TransformError: a hyperparameter is outside its interval, or the form of decay
            is unknown; (when used) `update` is called without `value`.

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: Momentum Models for Adaptive
        Learning Rates", 2023, arXiv:2305.07583, algorithm 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_momo_adam(0.1)
        >>> params = jnp.array(2.0)
        >>> updates, _ = tx.update(params, tx.init(params), params, value=2.0)
        >>> round(float(updates), 6)
        -0.1
    """
    rest = adapt_lower_bound, True, decay_form
    return MomoAdam(learning_rate, b1, lower_bound, weight_decay, *rest, b2, eps)
