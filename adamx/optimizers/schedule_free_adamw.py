"""Schedule-free AdamW: RMSProp with decoupled decay, averaged as it goes.

ν ← b2·ν + (1−b2)·g²                                second_moment
z ← z − η·(g / (√ν̂ + ε) + λ·y)                      add_decayed_weights
x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x         schedule_free
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.schedules.warmup import warmed_up
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.wrappers.schedule_free import schedule_free


@transform
def schedule_free_adamw(
    learning_rate: NonNegative = 0.0025,
    warmup_steps: int | None = None,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    weight_lr_power: NonNegative = 2.0,
    *,
    r: NonNegative = 0.0,
) -> Transform:
    """Run AdamW without momentum, and train between its iterates and their average.

    z ← z − η·(g(y) / (√(ν/(1−b2ᵗ)) + ε) + λ·y)
    x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x

    Evaluate at x: `schedule_free_eval_params(state, params)`. In step t of w steps of
    warm-up the rate is η·t/w, as in the authors' code; Optax starts with a rate of 0.

    See `schedule_free` and `schedule_free_sgd` for the other arguments.

    Args:
        learning_rate: η ≥ 0.
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.

    Returns:
        A transform that keeps `nu` and `z`.

    Reference:
        Defazio et al., "The Road Less Scheduled", 2024, arXiv:2405.15682.

    Example:
        >>> import adamx
        >>> tx = adamx.schedule_free_adamw(0.1)
        >>> updates, state = tx.update(-2.0, tx.init(0.0), 0.0)
        >>> round(float(updates), 6)
        0.1
    """
    rate = warmed_up(learning_rate, warmup_steps)
    base = chain(
        scale_by_second_moment(bias_correct(second_moment(b2)), eps),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )
    return schedule_free(base, rate, b1, weight_lr_power, r=r)
