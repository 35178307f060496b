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
    """Yogi's direction, without sign and learning rate.

    u = μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        initial_accumulator_value: the μ and the ν to begin with, a number ≥ 0.
        momentum_from_zero: see `yogi`.
        eps_hat: see `yogi`.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zaheer et al., "Adaptive Methods for Nonconvex Optimization", 2018. The name is
        Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_yogi(eps=0.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
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
    """Adam that does not forget large gradients quickly.

    μ ← b1·μ + (1−b1)·g,  ν ← ν − (1−b2)·sign(ν − g²)·g²
    u = −η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε)

    The paper corrects nothing; the others do, as Adam. μ and ν both start at
    `initial_accumulator_value` in Optax and torch_optimizer, and so even what has no
    gradient moves a little. In the paper and TensorFlow Addons μ starts at zero,
    `momentum_from_zero`; and the latter has ε̂, `eps_hat`, see `adam`.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        initial_accumulator_value: the μ and the ν to begin with, a number ≥ 0.
        momentum_from_zero: whether only ν begins with it.
        eps_hat: whether ε stands beside the uncorrected root.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zaheer et al., "Adaptive Methods for Nonconvex Optimization", 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.yogi(0.1, eps=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params))
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
