"""AMSGrad: Adam whose second moment never shrinks.

m ← max(m, ν)
θ ← θ − η · μ̂ / (√(m / (1−b2ᵗ)) + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.optimizers.adam import moments_ratio
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import running_max, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_amsgrad(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    eps_hat: bool = False,
) -> Transform:
    """Divide the average of the gradients by the root of the largest ν so far.

    u = μ/(1−b1ᵗ) / (√(m/(1−b2ᵗ) + ε_root) + ε),  m ← max(m, ν), with Adam's μ and ν

    This is the direction of `amsgrad`.

    See `adam` for the other arguments.

    Returns:
        A transform that keeps `mu`, `nu` and `nu_max`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_amsgrad()
        >>> _, state = tx.update(4.0, tx.init(0.0))
        >>> _, state = tx.update(0.0, state)
        >>> bool(adamx.find(state, "nu_max") > adamx.find(state, "nu"))
        True
    """
    moment = chain(second_moment(b2), running_max())
    momentum = bias_correct(scale_by_momentum(b1))
    return moments_ratio(moment, momentum, eps, eps_root, eps_hat)


@transform
def amsgrad(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    eps_hat: bool = False,
) -> Transform:
    """Divide as Adam does, but by the running maximum of the second moment.

    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·g²,  m ← max(m, ν)
    u = −η · μ/(1−b1ᵗ) / (√(m/(1−b2ᵗ) + ε_root) + ε)

    The maximum is taken of ν before its bias correction, as in PyTorch; with `eps_hat`
    it is Keras's form. Optax takes the maximum of the corrected ν̂, whose first values
    are large. The paper itself has no bias correction.

    See `adam` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", 2018,
        arXiv:1904.09237.

    Example:
        >>> import adamx
        >>> tx = adamx.amsgrad(0.1, b1=0.0, b2=0.5)
        >>> state = tx.init(0.0)
        >>> for g in (4.0, 1.0):
        ...     updates, state = tx.update(g, state)
        >>> round(float(updates), 6)  # −η · 1 / √(max(8, 4.5) / (1 − 0.5²))
        -0.030619
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, eps_hat=eps_hat),
        scale_by_learning_rate(learning_rate),
    )
