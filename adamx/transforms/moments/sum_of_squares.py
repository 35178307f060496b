"""The sum of all squares seen, kept as their mean."""

import jax.numpy as jnp

from adamx.core.rule import Live, Rule
from adamx.core.transform import transform
from adamx.numerics.arithmetic import abs_sq, squarable
from adamx.numerics.averages import running_mean
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Shared, Slots


class SumOfSquares(Rule):
    """Keeps the mean m of the squares, and emits the sum as t·(m + start/t)."""

    counts = True

    initial_accumulator_value: float

    def slots(self, param: Array) -> Slots:
        return {"mean_sq": jnp.zeros_like(param.real)}

    def tick(self, shared: Shared, extra: object) -> Live:
        live = super().tick(shared, extra)  # pyright: ignore[reportArgumentType]
        return live._replace(gain=live.shared["count"].astype(scalar_dtype()))

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        count = shared["count"]
        mean = running_mean(slots["mean_sq"], abs_sq(squarable(g)), count)
        start = self.initial_accumulator_value / count.astype(mean.dtype)
        return mean + start, {"mean_sq": mean}


@transform
def sum_of_squares(initial_accumulator_value: float = 0.1) -> SumOfSquares:
    """Emit the sum of |g|² over all steps: a statistic, not yet an update.

    s ← s + |g|²
    u = s

    Kept as the mean of |g|², since a float32 sum would stop growing too early.

    Args:
        initial_accumulator_value: the s to begin with, a number ≥ 0; 0.1 in Optax and
            Keras, 0 in PyTorch.

    Returns:
        The transform; its state is `mean_sq`, like the parameters but real, at least
        float32, and `count`, an int32 scalar.

    Raises:
        TransformError: (when used) a leaf is no float or complex array.

    Reference:
        Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization", 2011.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.sum_of_squares(1.0)
        >>> updates, state = tx.update(jnp.array(2.0), tx.init(jnp.array(0.0)))
        >>> float(updates), float(tx.update(jnp.array(3.0), state)[0])
        (5.0, 14.0)
    """
    return SumOfSquares(initial_accumulator_value)
