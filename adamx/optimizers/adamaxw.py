"""AdamaxW: Adamax with weight decay beside the adaptive step.

θ ← θ − η · (μ̂ / ν + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adamax import adamax
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def adamaxw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """Add decoupled weight decay to Adamax.

    u = −η · (μ̂ / ν + λ·θ)

    Adamax on a loss with an L2 term (PyTorch's `weight_decay`) is something else: there
    the decay goes through the moments.

    See `scale_by_adamax` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ.

    Reference:
        Kingma & Ba, "Adam", 2015, arXiv:1412.6980, section 7.1; Loshchilov & Hutter,
        "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.

    Example:
        >>> import adamx
        >>> tx = adamx.adamaxw(0.1, weight_decay=0.5)
        >>> updates, state = tx.update(0.0, tx.init(2.0), 2.0)
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        adamax(-1.0, b1, b2, eps, eps_in_max=eps_in_max),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
