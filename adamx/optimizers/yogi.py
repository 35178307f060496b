"""Yogi: Adam whose second moment moves by g², not by a share of the distance to it.

μ ← b1·μ + (1−b1)·g                        scale_by_momentum
ν ← ν − (1−b2)·sign(ν − g²)·g²             yogi_moment
θ ← θ − η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ)) + ε)    scale_by_second_moment
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.optimizers.adam import moments_ratio
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.moments.yogi_moment import yogi_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_yogi(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-3,
    eps_root: NonNegative = 0.0,
    initial_accumulator_value: float = 1e-6,
    *,
    momentum_from_zero: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """Divide as Adam does, but by a second moment that changes by g² itself.

    ν ← ν − (1−b2)·sign(ν − g²)·g²
    u = μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    This is the direction of `yogi`.

    See `adam` for the other arguments.

    Args:
        initial_accumulator_value: the first μ and ν, a number ≥ 0.
        momentum_from_zero: whether μ starts at 0 instead.

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_yogi(eps=0.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 4)
        1.0
    """
    start = initial_accumulator_value
    moment = yogi_moment(b2, start)
    momentum = scale_by_momentum(b1, 0.0 if momentum_from_zero else start)
    momentum = bias_correct(momentum)
    # Divided by 1 − b2ᵗ, as others do, though it is the response of another ν.
    average = second_moment(b2)
    return moments_ratio(moment, momentum, eps, eps_root, eps_hat, average)


@transform
def yogi(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-3,
    eps_root: NonNegative = 0.0,
    *,
    initial_accumulator_value: float = 1e-6,
    momentum_from_zero: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """Run Adam with a second moment that forgets large gradients slowly.

    μ ← b1·μ + (1−b1)·g,  ν ← ν − (1−b2)·sign(ν − g²)·g²
    u = −η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    The paper has no bias correction; the implementations correct as Adam does. μ and ν
    both start at `initial_accumulator_value` in Optax and torch_optimizer, so that a
    parameter without gradient moves a little too. In the paper and TensorFlow Addons μ
    starts at zero, `momentum_from_zero`; the latter has ε̂, `eps_hat`.

    See `adam` and `scale_by_yogi` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Zaheer et al., "Adaptive Methods for Nonconvex Optimization", 2018.

    Example:
        >>> import adamx
        >>> tx = adamx.yogi(0.1, eps=0.0)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 4)
        -0.1
    """
    return chain(
        scale_by_yogi(
            b1,
            b2,
            eps,
            eps_root,
            initial_accumulator_value,
            momentum_from_zero=momentum_from_zero,
            eps_hat=eps_hat,
        ),
        scale_by_learning_rate(learning_rate),
    )
