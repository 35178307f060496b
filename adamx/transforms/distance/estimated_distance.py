"""Adam whose rate is an estimate of how far the minimum is from the start."""

from typing import ClassVar

import jax.numpy as jnp

from adamx.core.ratio import root_plus
from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.numerics.arithmetic import abs_sq, modulus, squarable
from adamx.numerics.averages import geometric, moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Rate, Scalar, Shared, Slots


class EstimatedDistance(Rule):
    """Keeps d, a lower bound of the distance to the minimum, and steps in units of it.

    Two sums over all leaves are evidence of d: of products of gradients with how far
    one went, and of |s|, with a weighted sum s of gradients. d grows to their quotient.
    Everything is kept in units of the first d, so that small numbers stay numbers.
    """

    locality = "tree"
    counts = True
    needs_params = True
    starts: ClassVar[bool]
    """Whether the first parameters are kept."""

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

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        count, d = shared["count"], shared["estim_lr"]
        first = jnp.maximum(self.estim_lr0, float(jnp.finfo(d.dtype).tiny))
        d = jnp.where(count == 1, first, d)
        corrected = jnp.sqrt(geometric(self.b2, count)) / geometric(self.b1, count)
        rate = self.learning_rate * corrected * d
        seen = {"d": d, "before": d / first, "rate": rate, "share": rate / first}
        return {**shared, "first": first, **seen}

    def gather(self, shared: Shared, measured: tuple[Array, Array]) -> Shared:
        lost, new, factor = self.weights()
        product, size = (jnp.sum(parts) for parts in measured)
        first, d = shared["first"], shared["d"]
        numerator = shared["numerator"] + (new * product - lost * shared["numerator"])
        # Where there was no gradient yet, nothing is known.
        some = size >= float(jnp.finfo(size.dtype).tiny)
        found = jnp.where(some, factor * numerator / jnp.where(some, size, 1), 0)
        # While parameters are held, evidence has no end; d is to remain a number.
        after = jnp.minimum(jnp.maximum(d, found) / first, 2.0**55)
        new_d = {"estim_lr": after * first, "after": after}
        return {**shared, **new_d, "numerator": numerator}

    def weights(self) -> tuple[Scalar, Scalar, Scalar]:
        """Of what is lost of the sums so far, of a new product, and of the quotient."""
        raise NotImplementedError

    def decayed(self, u: Array, shared: Shared, param: Array | None) -> Array:
        """The step, sign included, with the decay beside it."""
        return -u - self.weight_decay * shared["rate"] * param


def _product(a: Array, b: Array) -> Array:
    return jnp.sum((a * b.conj()).real)


def _next_sum(s: Array, g: Array, lost: Scalar, new: Scalar) -> Array:
    """(1 − lost)·s + new·g, the sum of gradients, where 1 − lost is not rounded."""
    return s + (new * squarable(g) - lost * s)


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
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Array]:
        product = _product(squarable(g), slots["x0"] - param)
        size = _next_size(slots["s"], g, self._lost(), self._new(shared))
        return product * (shared["before"] * shared["share"]), size

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        s = _next_sum(slots["s"], g, self._lost(), self._new(shared))
        g = squarable(shared["before"] * squarable(g))
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


@transform
def scale_by_prodigy(
    learning_rate: NonNegative = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    b3: Decay | None = None,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    estim_lr_coef: NonNegative = 1.0,
    weight_decay: Finite = 0.0,
    safeguard_warmup: bool = False,
) -> Prodigy:
    """Emit Prodigy's step, sign and learning rate included; see `prodigy`.

    u = −ρ · (m / (√v + d·ε) + λ·θ), with ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ)

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        b3: decay of the sums that d is estimated from, in [0, 1); √b2 by default.
        eps: ε ≥ 0.
        estim_lr0: the first d, > 0.
        estim_lr_coef: a factor for the estimate, ≥ 0.
        weight_decay: λ, a finite number, traced scalar or schedule.
        safeguard_warmup: whether the learning rate has no weight in the sum s.

    Returns:
        The transform; its state is `mu`, `nu`, `s` and `x0`, like the parameters and at
        least float32, and a few scalars, among them `estim_lr` (d). It needs the
        parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Mishchenko & Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free
        Learner", 2023, arXiv:2306.06101.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_prodigy(estim_lr0=0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    base = learning_rate, b1, b2, eps, estim_lr0, weight_decay
    return Prodigy(*base, b3, estim_lr_coef, safeguard_warmup)


class DAdaptAdam(EstimatedDistance):
    starts = False

    def weights(self) -> tuple[Scalar, Scalar, Scalar]:
        lost = 1 - self.b2**0.5
        return lost, lost, 1 / lost

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Array]:
        below = root_plus(slots["nu"], self.eps, 0.0)
        product = _product(squarable(g), slots["s"] / below)
        return product * shared["rate"], _next_size(slots["s"], g, *self._sum(shared))

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        s = _next_sum(slots["s"], g, *self._sum(shared))
        g = squarable(g)
        mu = moving_average(slots["mu"], shared["rate"] * g, self.b1)
        nu = moving_average(slots["nu"], abs_sq(g), self.b2)
        u = self.decayed(mu / root_plus(nu, self.eps, 0.0), shared, param)
        return u, {"mu": mu, "nu": nu, "s": s}

    def _sum(self, shared: Shared) -> tuple[Scalar, Scalar]:
        lost, new, _ = self.weights()
        return lost, new * shared["share"]


@transform
def scale_by_dadapt_adam(
    learning_rate: NonNegative = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
) -> DAdaptAdam:
    """Emit D-Adapted Adam's step, sign and rate included; see `dadapt_adamw`.

    u = −m / (√v + ε) − ρ·λ·θ, with ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ) also in m

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0.
        estim_lr0: the first d, > 0.
        weight_decay: λ, a finite number, traced scalar or schedule.

    Returns:
        The transform; its state is `mu`, `nu` and `s`, like the parameters and at least
        float32, and a few scalars, among them `estim_lr` (d). It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023,
        arXiv:2301.07733.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_dadapt_adam(estim_lr0=0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    return DAdaptAdam(learning_rate, b1, b2, eps, estim_lr0, weight_decay)
