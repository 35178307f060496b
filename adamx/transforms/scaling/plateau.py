"""Reduction of the learning rate when the loss stops falling."""

from typing import Annotated, Any

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import NonNegativeInteger, PositiveInteger
from adamx.hyperparameters.hyper import Interval, NonNegative
from adamx.numerics.averages import next_count, running_mean
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Param, ScalarOrSchedule, Shared, Slots, StepResult


class ReduceOnPlateau(Rule):
    needs = ("value",)

    factor: Hyper
    patience: int
    rtol: Hyper
    atol: Hyper
    cooldown: int
    accumulation_size: int
    min_scale: Hyper

    def shared(self) -> Shared:
        floats = {"scale": 1.0, "best_value": jnp.inf, "avg_value": 0.0}
        counts = "plateau_count", "cooldown_count", "count_of_values"
        return {
            **{name: jnp.array(x, scalar_dtype()) for name, x in floats.items()},
            **{name: jnp.zeros((), jnp.int32) for name in counts},
        }

    def advance(
        self, shared: Shared, *_: Any, value: Array | float = 0.0, **extra: Any
    ) -> Shared:
        best, scale = shared["best_value"], shared["scale"]
        number = shared["count_of_values"] % self.accumulation_size + 1
        value = running_mean(
            shared["avg_value"], jnp.asarray(value, best.dtype), number
        )
        full = number == self.accumulation_size
        margin = self.rtol * jnp.abs(best) + self.atol
        # The first best loss is ∞, and ∞ − margin would be NaN.
        better = full & jnp.where(best == jnp.inf, value < best, value < best - margin)
        resting = shared["cooldown_count"] > 0
        bad = jnp.where(better, 0, next_count(shared["plateau_count"]))
        bad = jnp.where(resting, 0, bad)
        reduce = full & (bad >= self.patience)
        # Bounded, because repeated reductions would underflow to 0.
        least = jnp.maximum(self.min_scale, 2.0**-64)
        lower = jnp.maximum(scale * self.factor, least)
        rest = jnp.where(resting, shared["cooldown_count"] - 1, 0)
        counts = {
            "plateau_count": jnp.where(reduce, 0, bad),
            "cooldown_count": jnp.where(reduce, self.cooldown, rest),
        }
        return {
            "scale": jnp.where(reduce, jnp.minimum(lower, scale), scale),
            "best_value": jnp.where(better, value, best),
            "avg_value": jnp.where(full, 0, value),
            **{k: jnp.where(full, new, shared[k]) for k, new in counts.items()},
            "count_of_values": number,
        }

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g * shared["scale"], slots


@transform
def reduce_on_plateau(
    factor: Annotated[ScalarOrSchedule, Interval(0.0, 1.0)] = 0.1,
    patience: PositiveInteger = 10,
    rtol: NonNegative = 1e-4,
    atol: NonNegative = 0.0,
    cooldown: NonNegativeInteger = 0,
    accumulation_size: PositiveInteger = 1,
    min_scale: NonNegative = 0.0,
) -> ReduceOnPlateau:
    """Scale down by a factor each time the loss has not fallen for long enough.

    s ← max(f·s, s_min) after `patience` losses in a row ≥ best − rtol·|best| − atol
    u = s·g

    Put it behind an optimizer. The loss is the argument `value` of update: that of the
    step, or of the last validation. Each `accumulation_size` losses are replaced by
    their mean. A NaN counts as no improvement.

    Args:
        factor: f in [0, 1).
        patience: an integer ≥ 1; one more than in PyTorch.
        rtol: the smallest improvement of the loss, relative to the best one, ≥ 0.
        atol: the smallest improvement in units of the loss, ≥ 0.
        cooldown: the number of losses to ignore after a reduction, an integer ≥ 0.
        accumulation_size: an integer ≥ 1.
        min_scale: the smallest s, ≥ 0; less than 2⁻⁶⁴ counts as 2⁻⁶⁴.

    Returns:
        A transform that keeps `scale`, `best_value`, `avg_value` and the counts
        `plateau_count`, `cooldown_count`, `count_of_values`. Its update needs `value`.

    Reference:
        The name is that of Optax, and of PyTorch's `ReduceLROnPlateau`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.reduce_on_plateau(0.5, patience=2)
        >>> g = jnp.array(1.0)
        >>> state = tx.init(g)
        >>> for value in (3.0, 2.0, 2.0, 2.0, 1.0):
        ...     updates, state = tx.update(g, state, value=value)
        ...     print(float(updates))
        1.0
        1.0
        1.0
        0.5
        0.5
    """
    return ReduceOnPlateau(
        factor, patience, rtol, atol, cooldown, accumulation_size, min_scale
    )
