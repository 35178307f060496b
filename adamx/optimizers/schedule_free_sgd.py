"""Schedule-free SGD: gradient descent, averaged as it goes.

z ← z − η·(g + λ·y)                       sgd, add_decayed_weights
x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x    schedule_free
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.optimizers.sgd import sgd
from adamx.schedules.warmup import warmed_up
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.wrappers.schedule_free import schedule_free


@transform
def schedule_free_sgd(
    learning_rate: NonNegative = 1.0,
    warmup_steps: int | None = None,
    b1: Decay = 0.9,
    weight_decay: Finite = 0.0,
    weight_lr_power: NonNegative = 2.0,
    *,
    r: NonNegative = 0.0,
) -> Transform:
    """Descend with a constant rate, and train between the iterates and their average.

    z ← z − η·(g(y) + λ·y),  x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x

    Evaluate at x: `schedule_free_eval_params(state, params)`. In step t of w steps of
    warm-up the rate is η·t/w, as in the authors' code; Optax starts with a rate of 0.

    See `schedule_free` for the other arguments.

    Args:
        learning_rate: η ≥ 0.
        warmup_steps: w ≥ 1, an integer, or None for none.
        weight_decay: λ, of a decay at y.

    Returns:
        A transform that keeps `z`.

    Reference:
        Defazio et al., "The Road Less Scheduled", 2024, arXiv:2405.15682.

    Example:
        >>> import adamx
        >>> tx = adamx.schedule_free_sgd(1.0, b1=0.5)
        >>> updates, state = tx.update(-2.0, tx.init(0.0), 0.0)
        >>> float(updates)
        2.0
    """
    rate = warmed_up(learning_rate, warmup_steps)
    base = chain(add_decayed_weights(weight_decay), sgd(rate))
    return schedule_free(base, rate, b1, weight_lr_power, r=r)
