"""Adam with an estimate of the distance from the start to the minimum as its rate."""

from typing import ClassVar

import jax.numpy as jnp

from adamx.core.ratio import root_plus
from adamx.core.rule import OverLeaves, Rule
from adamx.numerics.arithmetic import abs_sq, clip_to_squarable, modulus
from adamx.numerics.averages import ema_weight_sum, moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Param, Rate, Scalar, Shared, Slots, StepResult


class EstimatedDistance(Rule):
    """Estimate d, a lower bound of the distance to the minimum, and scale steps by it.

    d is the largest quotient so far of two sums over all leaves: of products of
    gradients with the way so far, and of |s|, where s is a weighted sum of gradients.
    All sums are divided by the first d, because they could underflow.
    """

    locality = "tree"
    counts = True
    needs_params = True
    starts: ClassVar[bool]
    """Whether the state keeps the first parameters."""

    learning_rate: Rate
    b1: Hyper
    b2: Hyper
    eps: Hyper
    estim_lr0: Hyper
    weight_decay: Hyper

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        start = {"x0": param} if self.starts else {}
        return {"mu": zero, "nu": zero.real, "s": zero, **start}

    def shared(self) -> Shared:
        names = "estim_lr", "numerator"
        return {name: jnp.zeros((), scalar_dtype()) for name in names}

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        shared = self.rated(shared)
        return self.estimated(shared, over_leaves(self.measure, shared))

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Array, Array]:
        """Return the terms of a leaf in the two sums."""
        raise NotImplementedError

    def rated(self, shared: Shared) -> Shared:
        """Return `shared` with the learning rate of this step."""
        count, d = shared["count"], shared["estim_lr"]
        first = jnp.maximum(self.estim_lr0, float(jnp.finfo(d.dtype).tiny))
        d = jnp.where(count == 1, first, d)
        corrected = jnp.sqrt(ema_weight_sum(self.b2, count)) / ema_weight_sum(
            self.b1, count
        )
        rate = self.learning_rate * corrected * d
        seen = {"d": d, "before": d / first, "rate": rate, "share": rate / first}
        return {**shared, "first": first, **seen}

    def estimated(self, shared: Shared, measured: tuple[Array, Array]) -> Shared:
        """Return `shared` with the next d."""
        lost, new, factor = self.weights()
        product, size = (jnp.sum(parts) for parts in measured)
        first, d = shared["first"], shared["d"]
        numerator = shared["numerator"] + (new * product - lost * shared["numerator"])
        # Before the first nonzero gradient the quotient is 0/0.
        some = size >= float(jnp.finfo(size.dtype).tiny)
        found = jnp.where(some, factor * numerator / jnp.where(some, size, 1), 0)
        # Clipped, because d grows without bound, and overflows, while the parameters
        # do not change.
        after = jnp.minimum(jnp.maximum(d, found) / first, 2.0**55)
        new_d = {"estim_lr": after * first, "after": after}
        return {**shared, **new_d, "numerator": numerator}

    def weights(self) -> tuple[Scalar, Scalar, Scalar]:
        """Return 1 − decay of the sums, the weight of a product, and a factor of d."""
        raise NotImplementedError

    def decayed(self, u: Array, shared: Shared, param: Param) -> Array:
        """Return the step, sign included, with weight decay."""
        return -u - self.weight_decay * shared["rate"] * param


def _product(a: Array, b: Array) -> Array:
    return jnp.sum((a * b.conj()).real)


def _next_sum(s: Array, g: Array, lost: Scalar, new: Scalar) -> Array:
    """Return (1 − lost)·s + new·g, without rounding 1 − lost."""
    return s + (new * clip_to_squarable(g) - lost * s)


def _next_size(s: Array, g: Array, lost: Scalar, new: Scalar) -> Array:
    s = _next_sum(s, g, lost, new)
    return jnp.sum(modulus(s))


class Prodigy(EstimatedDistance):
    starts = True

    b3: Hyper | None
    estim_lr_coef: Hyper
    safeguard_warmup: bool

    def weights(self) -> tuple[Scalar, Scalar, Scalar]:
        return self._lost(), 1.0, self.estim_lr_coef

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Array, Array]:
        product = _product(clip_to_squarable(g), slots["x0"] - param)
        size = _next_size(slots["s"], g, self._lost(), self._new(shared))
        return product * (shared["before"] * shared["share"]), size

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        s = _next_sum(slots["s"], g, self._lost(), self._new(shared))
        g = clip_to_squarable(shared["before"] * clip_to_squarable(g))
        mu = moving_average(slots["mu"], g, self.b1)
        nu = moving_average(slots["nu"], abs_sq(g), self.b2)
        below = root_plus(nu, shared["after"] * self.eps, 0.0)
        u = self.decayed(shared["rate"] * mu / below, shared, param)
        return u, {"mu": mu, "nu": nu, "s": s, "x0": slots["x0"]}

    def _lost(self) -> Scalar:
        return 1 - (self.b2**0.5 if self.b3 is None else self.b3)

    def _new(self, shared: Shared) -> Scalar:
        share = shared["before"] if self.safeguard_warmup else shared["share"]
        return shared["before"] * share


class DAdaptAdam(EstimatedDistance):
    starts = False

    def weights(self) -> tuple[Scalar, Scalar, Scalar]:
        lost = 1 - self.b2**0.5
        return lost, lost, 1 / lost

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Array, Array]:
        below = root_plus(slots["nu"], self.eps, 0.0)
        product = _product(clip_to_squarable(g), slots["s"] / below)
        return product * shared["rate"], _next_size(slots["s"], g, *self._sum(shared))

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        s = _next_sum(slots["s"], g, *self._sum(shared))
        g = clip_to_squarable(g)
        mu = moving_average(slots["mu"], shared["rate"] * g, self.b1)
        nu = moving_average(slots["nu"], abs_sq(g), self.b2)
        u = self.decayed(mu / root_plus(nu, self.eps, 0.0), shared, param)
        return u, {"mu": mu, "nu": nu, "s": s}

    def _sum(self, shared: Shared) -> tuple[Scalar, Scalar]:
        lost, new, _ = self.weights()
        return lost, new * shared["share"]
