"""Coin betting: each number bets on the sign of its next gradient."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.arithmetic import divisor, modulus
from adamx.numerics.averages import running_mean
from adamx.types import Array, Hyper, Shared, Slots


class CoinBetting(Rule):
    """All sums are kept as means, in units of the largest gradient so far.

    So they are numbers wherever the gradients are, and do not stop growing.
    """

    counts = True
    needs_params = True

    alpha: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        zero = jnp.zeros_like(param)
        means = {"mean": zero, "mean_size": zero.real, "mean_reward": zero.real}
        return {"x0": param, "largest": zero.real, **means}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
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
        # G + L and α·L, over L and t.
        below = jnp.maximum(new["mean_size"] + 1 / t, self.alpha / t)
        bet = -new["mean"] / below * (1 + t * new["mean_reward"])
        return away + bet, {"x0": slots["x0"], "largest": largest, **new}


@transform
def scale_by_cocob(alpha: NonNegative = 100.0, eps: NonNegative = 1e-8) -> CoinBetting:
    """Emit COCOB's step, sign and all; see `cocob`.

    L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
    u = θ₀ − θ + C / (L·max(G + L, α·L)) · (L + R), each number on its own

    Args:
        alpha: α ≥ 0; the first bets are 1/α of the money.
        eps: the L to begin with, ≥ 0; 0 in the paper.

    Returns:
        The transform; its state is `x0` (θ₀), `largest` (L), `mean`, `mean_size` and
        `mean_reward` (−C, G and R, over L and the number of steps), like the
        parameters, at least float32, and the `count` of steps. It needs the parameters.

    Raises:
        TransformError: an argument is negative.

    Reference:
        Orabona & Tommasi, "Training Deep Networks without Learning Rates Through Coin
        Betting", 2017, arXiv:1705.07795, algorithm 2. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_cocob(alpha=4.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(-8.0), tx.init(params), params)
        >>> float(updates)
        0.25
    """
    return CoinBetting(alpha, eps)
