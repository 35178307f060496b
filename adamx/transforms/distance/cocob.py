"""Coin betting: each number bets on the sign of its next gradient."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import divisor, modulus
from adamx.numerics.averages import running_mean
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class CoinBetting(Rule):
    """Keep sums as means, divided by the largest gradient so far.

    A sum would stop growing, and could overflow.
    """

    counts = True
    needs_params = True

    alpha: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        means = {"mean": zero, "mean_size": zero.real, "mean_reward": zero.real}
        return {"x0": param, "largest": zero.real, **means}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        away, count = slots["x0"] - param, shared["count"]
        size = modulus(g)
        largest = jnp.maximum(jnp.maximum(slots["largest"], size), self.eps)
        unit, _ = divisor(largest)
        g, size, rescaled = g / unit, size / unit, slots["largest"] / unit

        def mean(name: str, x: Array) -> Array:
            return running_mean(rescaled * slots[name], x, count)

        gained = (g * away.conj()).real
        new = {
            "mean": mean("mean", g),
            "mean_size": mean("mean_size", size),
            "mean_reward": jnp.maximum(mean("mean_reward", gained), 0),
        }
        t = count.astype(largest.dtype)
        # the denominator max(G + L, α·L), divided by L·t
        below = jnp.maximum(new["mean_size"] + 1 / t, self.alpha / t)
        bet = -new["mean"] / below * (1 + t * new["mean_reward"])
        return away + bet, {"x0": slots["x0"], "largest": largest, **new}


@transform
def scale_by_cocob(alpha: NonNegative = 100.0, eps: NonNegative = 1e-8) -> CoinBetting:
    """Emit the whole step of `cocob`: bet on the sign of each next gradient.

    L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
    u = θ₀ − θ + C / (L·max(G + L, α·L)) · (L + R)

    Args:
        alpha: α ≥ 0; the first bets are 1/α of the wealth.
        eps: the first L, ≥ 0; 0 in the paper.

    Returns:
        A transform that keeps `x0` (θ₀), `largest` (L), and `mean`, `mean_size` and
        `mean_reward`: −C, G and R, divided by L and the number of steps.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_cocob(alpha=4.0)
        >>> updates, state = tx.update(-8.0, tx.init(1.0), 1.0)
        >>> float(updates)
        0.25
    """
    return CoinBetting(alpha, eps)
