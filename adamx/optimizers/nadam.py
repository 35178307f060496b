"""NAdam: Adam with Nesterov's momentum.

μ ← b1·μ + (1−b1)·g
n = m₊·μ/(1 − m₊·Πm) + (1−m)·g/(1 − Πm)    nesterov_momentum
ν ← b2·ν + (1−b2)·g²                       second_moment
θ ← θ − η · n / (√ν̂ + ε)                   scale_by_second_moment
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def nadam(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    momentum_decay: NonNegative | None = None,
) -> Transform:
    """Let Adam's first moment look one step ahead.

    n = m₊·μ / (1 − m₊·Πm) + (1−m)·g / (1 − Πm)
    u = −η · n / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    with μ and ν as in Adam, m₊ the next m, and Πm the product of all m so far.
    The momentum m is constant, b1, in Optax; with `momentum_decay` ψ it grows towards
    b1: m = b1·(1 − ½·0.96^(ψ·t)). PyTorch has ψ = 0.004, Keras and the paper ψ = 1.

    See `adam` for the other arguments.

    Args:
        learning_rate: η.
        momentum_decay: ψ ≥ 0; None for a constant momentum.

    Returns:
        A transform that keeps `mu` and `nu`.

    Reference:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016.

    Example:
        >>> import adamx
        >>> tx = adamx.nadam(0.1, b1=0.5)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 6)  # −η · (0.5·1.5/0.75 + 3) / 3
        -0.133333
    """
    numerator = nesterov_momentum(b1, momentum_decay)
    moment = bias_correct(second_moment(b2))
    return chain(
        scale_by_second_moment(moment, eps, eps_root, numerator=numerator),
        scale_by_learning_rate(learning_rate),
    )
