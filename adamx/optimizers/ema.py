"""The moving average of the updates.

μ ← b·μ + (1−b)·g
u = μ / (1−bᵗ)
"""

from adamx.core.hyper import Decay
from adamx.core.transform import Transform, transform
from adamx.transforms.bias_correct import bias_correct
from adamx.transforms.momentum import scale_by_momentum


@transform
def ema(decay: Decay, debias: bool = True) -> Transform:
    """Emit the exponential moving average of the updates.

    μ ← b·μ + (1−b)·g
    u = μ / (1−bᵗ);  without `debias` u = μ

    Not `trace`, which adds up g instead of (1−b)·g, and not `average_params`, which
    averages the parameters.

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule.
        debias: whether to divide by the sum of the weights.

    Returns:
        The transform; its state is `mu`, like the parameters and at least float32, and
        with `debias` the response of the average to ones.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015,
        arXiv:1412.6980, section 3. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.ema(0.5)
        >>> state = tx.init(jnp.array(0.0))
        >>> for g in (4.0, 1.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        4.0
        2.0
    """
    average = scale_by_momentum(decay)
    return bias_correct(average) if debias else average
