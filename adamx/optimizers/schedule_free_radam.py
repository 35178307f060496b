"""Schedule-free RAdam: schedule-free AdamW whose warm-up follows from its variance.

z ← z − η·r·(g / (√ν̂ + ε) + λ·y)    schedule_free_adamw, with RAdam's r as warm-up
"""

from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, Schedule, derived
from adamx.optimizers.schedule_free_adamw import schedule_free_adamw
from adamx.transforms.moments.rectified import rectification
from adamx.types import Array, Scalar


def _rectified(learning_rate: Scalar, b2: Scalar, count: Array) -> Scalar:
    return learning_rate * rectification(b2, 4.0, count + 1)


def _same(count: Array) -> Array:
    return count


@transform
def schedule_free_radam(
    learning_rate: NonNegative = 0.0025,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    weight_lr_power: NonNegative = 2.0,
    *,
    r: NonNegative = 0.0,
) -> Transform:
    """Run schedule-free AdamW with RAdam's rectification instead of a warm-up.

    z ← z − η·ρ(t)·(g(y) / (√(ν/(1−b2ᵗ)) + ε) + λ·y), with ρ the factor r of RAdam
    x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x

    While the second moment is too uncertain, in the first 4 steps with the default b2,
    it does not move: the authors' `silent_sgd_phase`.

    See `schedule_free_adamw`, `schedule_free_sgd` and `schedule_free` for the other
    arguments.

    Reference:
        Defazio et al., "The Road Less Scheduled", 2024, arXiv:2405.15682; Liu et al.,
        "On the Variance of the Adaptive Learning Rate and Beyond", 2020,
        arXiv:1908.03265.

    Example:
        >>> import adamx
        >>> tx = adamx.schedule_free_radam(0.1)
        >>> updates, state = tx.update(-2.0, tx.init(0.0), 0.0)
        >>> float(updates)
        0.0
    """
    rate = derived(_rectified, learning_rate, b2, Schedule(_same))
    rest = eps, weight_decay, weight_lr_power
    return schedule_free_adamw(rate, None, b1, b2, *rest, r=r)
