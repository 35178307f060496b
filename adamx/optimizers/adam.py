"""Adam: a moving average of the gradients over the root of one of their squares.

μ ← b1·μ + (1−b1)·g            scale_by_momentum
ν ← b2·ν + (1−b2)·g²           second_moment
μ̂ = μ / (1−b1ᵗ)                bias_correct
ν̂ = ν / (1−b2ᵗ)                bias_correct
θ ← θ − η · μ̂ / (√ν̂ + ε)       scale_by_second_moment, scale_by_learning_rate
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.moments.bias_correct import bias_correct, scale_by_response
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_adam(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """Divide the average of the gradients by the root of that of their squares.

    u = μ̂ / (√(ν̂ + ε_root) + ε)

    This is `adam` without the factor −η. See `adam` for the other arguments.

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_adam()
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 6)
        1.0
    """
    plain = bias_correct(scale_by_momentum(b1))
    momentum = nesterov_momentum(b1) if nesterov else plain
    return moments_ratio(second_moment(b2), momentum, eps, eps_root, eps_hat)


def moments_ratio(
    moment: TransformLike,
    momentum: TransformLike,
    eps: NonNegative,
    eps_root: NonNegative,
    eps_hat: bool,
    average: TransformLike | None = None,
) -> Transform:
    """Divide `momentum` by the root of the corrected `moment`, with either form of ε.

    If `moment` is no moving average, its correction is that of `average`.
    """
    if eps_hat:
        ratio = scale_by_second_moment(moment, eps, eps_root, numerator=momentum)
        return chain(ratio, scale_by_response(average or moment, 0.5))
    if average is None:
        moment = bias_correct(moment)
    else:
        moment = chain(moment, scale_by_response(average, -1.0))
    return scale_by_second_moment(moment, eps, eps_root, numerator=momentum)


@transform
def adam(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """Divide the average of the gradients by the root of that of their squares.

    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·g²
    u = −η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    The paper has two forms, in which ε counts differently in the first steps. The one
    above is its algorithm 1 (PyTorch, Optax). With `eps_hat` it is the one at the end
    of its section 2, with ε̂ beside the uncorrected root (Keras, TensorFlow):

    u = −η·√(1−b2ᵗ)/(1−b1ᵗ) · μ / (√(ν + ε_root) + ε̂)

    Args:
        learning_rate: η.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, or ε̂. Keras's default is 1e-7.
        eps_root: ε_root ≥ 0, inside the root; 0 in the paper.
        nesterov: whether the first moment looks one step ahead; that is NAdam.
        eps_hat: whether ε stands beside the uncorrected root.

    Returns:
        A transform that keeps `mu` and `nu`.

    Reference:
        Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015,
        arXiv:1412.6980.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adam(0.1)
        >>> params = {"w": jnp.array([1.0, -2.0])}
        >>> state = tx.init(params)
        >>> grads = {"w": jnp.array([0.5, -3.0])}
        >>> updates, state = tx.update(grads, state, params)
        >>> [round(float(u), 6) for u in updates["w"]]
        [-0.1, 0.1]
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov, eps_hat=eps_hat),
        scale_by_learning_rate(learning_rate),
    )
