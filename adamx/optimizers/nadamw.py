"""NAdamW: NAdam with weight decay beside the adaptive step.

θ ← θ − η · (n / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.nadam import nadam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def nadamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    momentum_decay: NonNegative | None = None,
) -> Transform:
    """Add decoupled weight decay to NAdam.

    u = −η · (n / (√(ν̂ + ε_root) + ε) + λ·θ)

    NAdam on a loss with an L2 term is something else: there the decay goes through the
    moments.

    See `adam`, `adamw` and `nadam` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ. The default is Optax's; it is 0 in PyTorch.

    Reference:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016; Loshchilov & Hutter,
        "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.

    Example:
        >>> import adamx
        >>> tx = adamx.nadamw(0.1, weight_decay=0.5)
        >>> updates, state = tx.update(0.0, tx.init(2.0), 2.0)
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        nadam(-1.0, b1, b2, eps, eps_root, momentum_decay=momentum_decay),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
