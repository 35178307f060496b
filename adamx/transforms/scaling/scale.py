"""Multiplication by a number: a constant, or minus the learning rate."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Finite
from adamx.numerics.arithmetic import times
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class Scale(Rule):
    step_size: Rate

    def degree(self) -> int:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return times(g, self.step_size), slots


@transform
def scale(step_size: Finite) -> Scale:
    """Multiply the updates by a number.

    u = s · g

    Args:
        step_size: s.

    Example:
        >>> import adamx
        >>> tx = adamx.scale(-0.5)
        >>> float(tx.update(3.0, tx.init(1.0))[0])
        -1.5
    """
    return Scale(step_size)


class LearningRate(Rule):
    learning_rate: Rate
    sign: float

    def degree(self) -> int:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return times(g, self.sign * self.learning_rate), slots


@transform
def scale_by_learning_rate(
    learning_rate: Finite, *, flip_sign: bool = True
) -> LearningRate:
    """Multiply the updates by minus the learning rate: the direction of descent.

    u = −η · g

    Args:
        learning_rate: η. The state keeps the last value of a schedule.
        flip_sign: False leaves out the minus, for ascent.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_learning_rate(lambda count: 0.5 / (1 + count))
        >>> updates, state = tx.update(1.0, tx.init(1.0))
        >>> float(updates), int(state["scale_by_learning_rate"]["count"])
        (-0.5, 1)
    """
    return LearningRate(learning_rate, -1.0 if flip_sign else 1.0)


class RelativeStep(Rule):
    counts = True

    learning_rate: Rate
    sign: float

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        cap = 1 / jnp.sqrt(shared["count"].astype(g.real.dtype))
        return g * (self.sign * jnp.minimum(self.learning_rate, cap)), slots


@transform
def scale_by_relative_step(
    learning_rate: Finite = 1e-2, *, flip_sign: bool = True
) -> RelativeStep:
    """Multiply by minus the learning rate, or by −1/√t once that is smaller.

    u = −min(η, 1/√t) · g, in step t = 1, 2 and so on

    See `scale_by_learning_rate` for the other arguments.

    Args:
        learning_rate: η. Adafactor's warm-up is the schedule 1e-6·t.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_relative_step(0.1)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 6)
        -0.3
    """
    return RelativeStep(learning_rate, -1.0 if flip_sign else 1.0)
