"""Gradient descent with noise that dies away.

ξ ~ N(0, η / tᵞ)          add_noise
θ ← θ − α · (g + ξ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.numerics.random import KeyLike
from adamx.transforms.scaling.noise import add_noise
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def noisy_sgd(
    learning_rate: Finite,
    eta: NonNegative = 0.01,
    gamma: Finite = 0.55,
    key: KeyLike = 0,
) -> Transform:
    """Descend along gradients with normal noise, less with every step.

    u = −α · (g + ξ), with ξ normal of mean 0 and variance η / tᵞ in step t, from 1

    The noise of Langevin dynamics has the size of the learning rate instead.

    See `add_noise` for the other arguments.

    Args:
        learning_rate: α.

    Returns:
        A transform that keeps `count`, int32, and `rng_key`, a random key.

    Reference:
        Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep
        Networks", 2015, arXiv:1511.06807.

    Example:
        >>> import adamx
        >>> tx = adamx.noisy_sgd(0.1, eta=0.0)
        >>> updates, state = tx.update(2.0, tx.init(1.0))
        >>> round(float(updates), 6), int(state["add_noise"]["count"])
        (-0.2, 1)
    """
    return chain(add_noise(eta, gamma, key), scale_by_learning_rate(learning_rate))
