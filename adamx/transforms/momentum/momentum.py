"""Averages of the gradients: the exponential moving average, and the heavy ball."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, HeavyBall
from adamx.numerics.averages import moving_average
from adamx.types import Array, Hyper, Param, Rate, Shared, Slots, StepResult


class Momentum(Rule):
    averages = True

    decay: Hyper
    initial_scale: float

    def degree(self) -> int | None:
        return 1 if self.initial_scale == 0 else None

    def slots(self, param: Array) -> Slots:
        return {"mu": jnp.full_like(param, self.initial_scale)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        mu = moving_average(slots["mu"], g, self.decay)
        return mu, {"mu": mu}


class MomentumFromFirst(Momentum):
    counts = True

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        before = jnp.where(shared["count"] == 1, g, slots["mu"])
        mu = moving_average(before, g, self.decay)
        return mu, {"mu": mu}


@transform
def scale_by_momentum(
    decay: Decay = 0.9, initial_scale: float = 0.0, *, from_first: bool = False
) -> Momentum:
    """Emit the exponential moving average of the updates, Adam's first moment.

    μ ← b·μ + (1−b)·g
    u = μ

    The heavy ball, which is a sum instead of an average, is `trace`.

    Args:
        decay: b in [0, 1).
        initial_scale: the first μ.
        from_first: whether the first μ equals the first g.

    Returns:
        A transform that keeps `mu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_momentum(0.75)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(updates)
        1.0
    """
    kind = MomentumFromFirst if from_first else Momentum
    return kind(decay, initial_scale)


class Trace(Rule):
    decay: Rate
    nesterov: bool

    def degree(self) -> int:
        return 1

    def slots(self, param: Array) -> Slots:
        return {"trace": jnp.zeros_like(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        trace = self._entering(g, shared) + self.decay * slots["trace"]
        u = g + self.decay * trace if self.nesterov else trace
        return u, {"trace": trace}

    def _entering(self, g: Array, shared: Shared) -> Array:
        return g


class DampenedTrace(Trace):
    counts = True

    dampening: Hyper

    def _entering(self, g: Array, shared: Shared) -> Array:
        return jnp.where(shared["count"] == 1, g, (1 - self.dampening) * g)


@transform
def trace(
    decay: HeavyBall, nesterov: bool = False, *, dampening: Decay | None = None
) -> Trace:
    """Emit the discounted sum of the updates, the momentum of the heavy ball.

    t ← g + b·t
    u = t, or g + b·t (the new t) with Nesterov's look ahead
    with dampening d:  t ← (1−d)·g + b·t, and t ← g in the first step

    It is not an average: for a constant g it grows to g / (1−b).

    Args:
        decay: b in [0, 1]; 1 is the plain sum.
        nesterov: whether to emit Nesterov's variant.
        dampening: d in [0, 1), as in PyTorch; the first step is not dampened. None for
            no dampening.

    Returns:
        A transform that keeps `trace`.

    Reference:
        Polyak, 1964; Sutskever et al., "On the importance of initialization and
        momentum in deep learning", 2013, for the Nesterov form. PyTorch's SGD.

    Example:
        >>> import adamx
        >>> tx = adamx.trace(0.5)
        >>> updates, state = tx.update(1.0, tx.init(0.0))
        >>> updates, state = tx.update(1.0, state)
        >>> float(updates)
        1.5
    """
    if dampening is None:
        return Trace(decay, nesterov)
    return DampenedTrace(decay, nesterov, dampening)
