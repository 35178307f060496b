"""Multiplication by a number: a constant, or minus the learning rate."""

import jax.numpy as jnp

from adamx.core.rule import Gain, Rule, Scale
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Finite
from adamx.types import Array, Rate, Scalar, Shared, Slots


@transform
def scale(step_size: Finite) -> Scale:
    """Multiply the updates by a number.

    u = s · g

    Args:
        step_size: s, any finite number, traced scalar or schedule.

    Returns:
        The transform; without state, unless `step_size` is a schedule.

    Raises:
        TransformError: `step_size` is not a finite number.

    Reference:
        The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale(-0.5)
        >>> float(tx.update(jnp.array(3.0), tx.init(jnp.array(1.0)))[0])
        -1.5
    """
    return Scale(step_size)


class LearningRate(Gain):
    learning_rate: Rate
    sign: float

    def factor(self) -> Scalar:
        return self.sign * self.learning_rate


@transform
def scale_by_learning_rate(
    learning_rate: Finite, *, flip_sign: bool = True
) -> LearningRate:
    """Multiply the updates by minus the learning rate: the direction of descent.

    u = −η · g

    Args:
        learning_rate: η, a finite number, a traced scalar, or a schedule: a function
            of the number of steps taken before.
        flip_sign: False leaves out the minus, for ascent.

    Returns:
        The transform. With a schedule its state is `count`, int32, and
        `learning_rate`, the value used in the last step.

    Raises:
        TransformError: `learning_rate` is not a finite number.

    Reference:
        The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_learning_rate(lambda count: 0.5 / (1 + count))
        >>> updates, state = tx.update(jnp.array(1.0), tx.init(jnp.array(1.0)))
        >>> float(updates), int(state["scale_by_learning_rate"]["count"])
        (-0.5, 1)
    """
    return LearningRate(learning_rate, -1.0 if flip_sign else 1.0)


class RelativeStep(Rule):
    counts = True

    learning_rate: Rate
    sign: float

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        cap = 1 / jnp.sqrt(shared["count"].astype(g.real.dtype))
        return g * (self.sign * jnp.minimum(self.learning_rate, cap)), slots


@transform
def scale_by_relative_step(
    learning_rate: Finite = 1e-2, *, flip_sign: bool = True
) -> RelativeStep:
    """Multiply by minus the learning rate, or by −1/√t once that is the lesser.

    u = −min(η, 1/√t) · g, in step t = 1, 2 and so on

    Args:
        learning_rate: η, a finite number, traced scalar or schedule. Adafactor's
            warm-up is the schedule 1e-6·t.
        flip_sign: False leaves out the minus, for ascent.

    Returns:
        The transform; its state is the `count` of steps, an int32 scalar.

    Raises:
        TransformError: `learning_rate` is not a finite number.

    Reference:
        Shazeer & Stern, "Adafactor", 2018, arXiv:1804.04235, section 8.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_relative_step(0.1)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(jnp.array(1.0)))
        >>> round(float(updates), 6)
        -0.3
    """
    return RelativeStep(learning_rate, -1.0 if flip_sign else 1.0)
