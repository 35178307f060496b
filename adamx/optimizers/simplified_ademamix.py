"""Simplified AdEMAMix: Adam on a mixture of the gradient and its heavy ball.

t ← b1·t + g                                   trace
ν ← b2·ν + (1−b2)·g²                           second_moment
θ ← θ − η · ((t + α·g) / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import trace
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.types import Array


def _mixed(momentum: Array, gradient: Array) -> Array:
    return momentum + gradient


@transform
def simplified_ademamix(
    learning_rate: Finite,
    b1: Decay = 0.99,
    b2: Decay = 0.95,
    alpha: Finite = 0.0,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Add the present gradient to the heavy ball, and divide as Adam does.

    t ← b1·t + g,  ν ← b2·ν + (1−b2)·g²
    u = −η · ((t + α·g) / (√(ν/(1−b2ᵗ) + ε_root) + ε) + λ·θ)

    t is a sum, up to 1/(1−b1) times as large as an average: learning rates must be as
    many times smaller than Adam's. pytorch_optimizer lets b1 grow by default and
    corrects ν in another way.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        b1: decay of the sum, in [0, 1).
        alpha: α, the weight of the present gradient.
        weight_decay: λ.

    Returns:
        A transform that keeps `trace` and `nu`.

    Reference:
        Morwani et al., "Connections between Schedule-Free Optimizers, AdEMAMix, and
        Accelerated SGD Variants", 2025, arXiv:2502.02431.

    Example:
        >>> import adamx
        >>> tx = adamx.simplified_ademamix(0.1, alpha=2.0)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)  # −0.1 · (1 + 2)
        -0.3
    """
    numerator = fork(_mixed, momentum=trace(b1), gradient=scale(alpha))
    moment = bias_correct(second_moment(b2))
    return chain(
        scale_by_second_moment(moment, eps, eps_root, numerator=numerator),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
