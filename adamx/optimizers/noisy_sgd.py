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
    """Gradient descent with normal noise on the gradients, less with every step.

    u = −α · (g + ξ), with ξ normal of mean 0 and variance η / tᵞ in step t, from 1

    Not Langevin dynamics, whose noise is of the size of the learning rate.

    Args:
        learning_rate: α, a number, traced scalar or schedule.
        eta: η ≥ 0, the variance in the first step.
        gamma: γ, how fast it falls.
        key: a random key, or an integer to make one of.

    Returns:
        The transform; its state is `count`, int32, and `rng_key`, a random key.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep
        Networks", 2015, arXiv:1511.06807.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.noisy_sgd(0.1, eta=0.0)
        >>> updates, state = tx.update(jnp.array(2.0), tx.init(jnp.array(1.0)))
        >>> round(float(updates), 6), int(state["add_noise"]["count"])
        (-0.2, 1)
    """
    return chain(add_noise(eta, gamma, key), scale_by_learning_rate(learning_rate))
