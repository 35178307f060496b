"""RMSProp: the gradient over the root of a moving average of its square.

ν ← b·ν + (1−b)·g²
θ ← θ − η · g / √(ν + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Decay, Finite, HeavyBall, NonNegative
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.moving_variance import moving_variance
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import trace
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_rms(
    decay: Decay = 0.9,
    eps: NonNegative = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> Transform:
    """Divide by the root mean square of the recent gradients.

    ν ← b·ν + (1−b)·|g|²
    u = g / √(ν + ε), or g / (√ν + ε)

    This is the direction of `rmsprop`.

    Args:
        decay: b in [0, 1); 0.9 in Optax and Keras, 0.99 in PyTorch.
        eps: ε ≥ 0.
        initial_scale: the first ν.
        eps_in_sqrt: whether ε is inside the root (Keras, Optax) or outside (PyTorch).
        bias_correction: whether the moment is corrected for its start, as in Adam.

    Returns:
        A transform that keeps `nu`.

    Example:
        >>> import adamx
        >>> for inside in (True, False):  # 4 / √(4 + 12), 4 / (√4 + 12)
        ...     tx = adamx.scale_by_rms(0.75, 12.0, eps_in_sqrt=inside)
        ...     print(round(float(tx.update(4.0, tx.init(0.0))[0]), 6))
        1.0
        0.285714
    """
    plain = second_moment(decay, initial_scale)
    moment = bias_correct(plain) if bias_correction else plain
    return _over_root(moment, eps, eps_in_sqrt)


@transform
def scale_by_stddev(
    decay: Decay = 0.9,
    eps: NonNegative = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> Transform:
    """Divide by the standard deviation of the recent gradients.

    u = g / √(moving average of |g − μ|² + ε), with μ that of g

    This is the direction of `rmsprop` with `centered`. See `scale_by_rms` for the other
    arguments.

    Returns:
        A transform that keeps `mu` and `var`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_stddev(0.5, 0.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 6)
        2.0
    """
    moment = moving_variance(decay, initial_scale, bias_correction)
    return _over_root(moment, eps, eps_in_sqrt)


def _over_root(moment: TransformLike, eps: NonNegative, eps_in_sqrt: bool) -> Transform:
    inside, outside = (eps, 0.0) if eps_in_sqrt else (0.0, eps)
    return scale_by_second_moment(moment, outside, inside)


@transform
def rmsprop(
    learning_rate: Finite,
    decay: Decay = 0.9,
    eps: NonNegative = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: HeavyBall | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> Transform:
    """Divide the gradient by the root mean square of the recent gradients.

    ν ← b·ν + (1−b)·g²,  centered:  μ ← b·μ + (1−b)·g,  ν ↦ ν − μ²
    u = −η · g / √(ν + ε), or g / (√ν + ε);  with momentum m:  t ← u + m·t,  t instead

    See `scale_by_rms` for the other arguments.

    Args:
        learning_rate: η.
        centered: whether to divide by the standard deviation instead.
        momentum: m in [0, 1], of a trace after the learning rate; None for none.
        nesterov: whether that trace looks ahead.

    Returns:
        A transform that keeps `nu`, or `mu` and `var` if centered, and `trace` with
        momentum.

    Reference:
        Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012; Graves,
        "Generating Sequences With Recurrent Neural Networks", 2013, arXiv:1308.0850,
        for the centered form.

    Example:
        >>> import adamx
        >>> tx = adamx.rmsprop(0.1, decay=0.75)
        >>> updates, state = tx.update(4.0, tx.init(1.0))
        >>> round(float(updates), 6)
        -0.2
    """
    scaled = scale_by_stddev if centered else scale_by_rms
    return chain(
        scaled(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        chain() if momentum is None else trace(momentum, nesterov),
    )
