"""Adamax: Adam with the largest |g| instead of the root mean square.

μ ← b1·μ + (1−b1)·g            scale_by_momentum
ν ← max(b2·ν, |g| + ε)         scale_by_infinity_moment
θ ← θ − η · μ̂ / ν              bias_correct of μ alone
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.infinity_moment import scale_by_infinity_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_adamax(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """Divide the average of the gradients by the largest |g| of the fading past.

    u = μ/(1−b1ᵗ) / ν,  ν ← max(b2·ν, |g| + ε)

    This is the direction of `adamax`.

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the maximum, in [0, 1).
        eps: ε ≥ 0; 1e-8 in PyTorch and Optax, 1e-7 in Keras.
        eps_in_max: whether ε is added to |g| (PyTorch, Optax) or to ν (Keras).

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_adamax(b1=0.0, b2=0.5, eps=0.0)
        >>> _, state = tx.update(4.0, tx.init(0.0))
        >>> float(tx.update(1.0, state)[0])  # 1 / max(0.5·4, 1)
        0.5
    """
    momentum = bias_correct(scale_by_momentum(b1))
    return scale_by_infinity_moment(b2, eps, eps_in_max=eps_in_max, numerator=momentum)


@transform
def adamax(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """Divide as Adam does, but by the largest |g| instead of the root mean square.

    μ ← b1·μ + (1−b1)·g,  ν ← max(b2·ν, |g| + ε)
    u = −η · μ/(1−b1ᵗ) / ν

    The paper has no ε. PyTorch and Optax add it to |g|, as above; Keras divides by
    ν + ε instead. AMSGrad takes the maximum of the second moment.

    See `scale_by_adamax` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015,
        arXiv:1412.6980, section 7.1.

    Example:
        >>> import adamx
        >>> tx = adamx.adamax(0.1, b1=0.0, b2=0.5, eps=0.0)
        >>> _, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(tx.update(1.0, state)[0]), 6)  # −η · 1 / max(0.5·4, 1)
        -0.05
    """
    return chain(
        scale_by_adamax(b1, b2, eps, eps_in_max=eps_in_max),
        scale_by_learning_rate(learning_rate),
    )
