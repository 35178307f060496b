"""Decay along half a period of a cosine."""

from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, AtLeastZero, Steps
from adamx.schedules.curves import Curve, cosine
from adamx.types import Array


@schedule
def cosine_decay_schedule(
    init_value: AnyNumber,
    decay_steps: Steps,
    alpha: AnyNumber = 0.0,
    exponent: AtLeastZero = 1.0,
) -> Curve:
    """Decay along half a period of a cosine, then stay.

    value(t) = I·(α + (1 − α)·(½·(1 + cos(π·t/T)))ᵖ) for t ≤ T, I·α after

    Args:
        init_value: I, the value at the beginning.
        decay_steps: T ≥ 1, an integer.
        alpha: α, the share of I that is left at the end.
        exponent: p ≥ 0.

    Reference:
        Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
        2017, arXiv:1608.03983; Optax's `cosine_decay_schedule`, Keras's `CosineDecay`,
        PyTorch's `CosineAnnealingLR` up to T (it rises again after).

    Example:
        >>> from adamx.schedules import cosine_decay_schedule
        >>> cosine_decay_schedule(1.0, 2, alpha=0.5)([0, 1, 2, 9]).tolist()
        [1.0, 0.75, 0.5, 0.5]
    """

    def value(count: Array) -> Array:
        return cosine(count, init_value, alpha * init_value, decay_steps, exponent)

    return value
