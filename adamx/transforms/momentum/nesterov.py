"""Nesterov's momentum as a bias-corrected average, with a constant or growing decay."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.averages import moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult


class NesterovMomentum(Rule):
    """Keep 1 − Πm, `weight`, precise in early steps, and Πm, `rest`, in late ones."""

    counts = True

    b1: Hyper
    momentum_decay: Hyper | None

    def degree(self) -> int:
        return 1

    def slots(self, param: Array) -> Slots:
        return {"mu": jnp.zeros_like(param)}

    def shared(self) -> Shared:
        return {
            "weight": jnp.zeros((), scalar_dtype()),
            "rest": jnp.ones((), scalar_dtype()),
        }

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        count, (weight, rest) = shared["count"], _weights(shared)
        new = self._new(count.astype(rest.dtype))
        return {
            "count": count,
            "weight": weight + new * rest,
            "rest": rest - new * rest,
        }

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        mu = moving_average(slots["mu"], g, self.b1)
        count = shared["count"].astype(mu.real.dtype)
        weight, rest = _weights(shared)
        new, ahead = self._new(count), self._new(count + 1)
        u = (new / weight) * g + ((1 - ahead) / (weight + ahead * rest)) * mu
        return u, {"mu": mu}

    def _new(self, count: Array) -> Scalar:
        """Return the share of the new gradient, 1 − m, at step t = 1, 2, and so on."""
        if self.momentum_decay is None:
            return 1 - self.b1
        return (1 - self.b1) + 0.5 * self.b1 * 0.96 ** (self.momentum_decay * count)


def _weights(shared: Shared) -> tuple[Array, Array]:
    weight, rest = shared["weight"], shared["rest"]
    return jnp.where(rest < 0.5, 1 - rest, weight), rest


@transform
def nesterov_momentum(
    b1: Decay = 0.9, momentum_decay: NonNegative | None = None
) -> NesterovMomentum:
    """Emit the bias-corrected momentum, extrapolated by one step.

    μ ← b1·μ + (1−b1)·g
    u = m₊·μ / (1 − m₊·Πm) + (1−m)·g / (1 − Πm)

    m is the momentum of this step, m₊ that of the next, and Πm the product of all m so
    far. m = b1, or with ψ = `momentum_decay`, m = b1·(1 − ½·0.96^(ψ·t)). It is the
    first moment of `nadam`.

    Args:
        b1: decay of the average, in [0, 1).
        momentum_decay: ψ ≥ 0; None for a constant m.

    Returns:
        A transform that keeps `mu` and the scalars `weight` (1 − Πm) and `rest` (Πm).

    Example:
        >>> import adamx
        >>> tx = adamx.nesterov_momentum(0.5)
        >>> updates, state = tx.update(3.0, tx.init(0.0))
        >>> float(updates)  # 0.5·1.5/0.75 + 3
        4.0
    """
    return NesterovMomentum(b1, momentum_decay)
