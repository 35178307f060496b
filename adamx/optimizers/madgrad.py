"""MADGRAD: dual averaging with the cube root of the sum of squares, and momentum.

s ← s + η·√t·g,  ν ← ν + η·√t·g²          scale_by_madgrad
z = θ₀ − s / (∛ν + ε)
θ ← m·θ + (1−m)·z
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.madgrad import scale_by_madgrad


@transform
def madgrad(
    learning_rate: Finite,
    momentum: Decay = 0.9,
    weight_decay: Finite = 0.0,
    eps: NonNegative = 1e-6,
) -> Transform:
    """Average the iterates of Adagrad's dual averaging, with a cube root.

    g ← g + λ·θ,  s ← s + η·√t·g,  ν ← ν + η·√t·g²
    θ ← m·θ + (1−m) · (θ₀ − s / (∛ν + ε))

    This is the paper's form. The authors' package and Optax add ε to the learning rate:
    their `rate` is `madgrad(rate + eps)` here. The decay is that of an L2 penalty, and
    little of it is needed.

    See `scale_by_madgrad` for the other arguments.

    Args:
        weight_decay: λ.

    Reference:
        Defazio & Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
        Dual Averaged Gradient Method for Stochastic Optimization", 2021,
        arXiv:2101.11075.

    Example:
        >>> import adamx
        >>> tx = adamx.madgrad(1.0, momentum=0.5, eps=0.0)
        >>> updates, state = tx.update(8.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)
        -1.0
    """
    return chain(
        add_decayed_weights(weight_decay),
        scale_by_madgrad(learning_rate, momentum, eps),
    )
