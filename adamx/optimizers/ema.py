"""The moving average of the updates.

m ← b·m + (1−b)·g            scale_by_momentum
u = m / (1−bᵗ)               bias_correct
"""

from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.momentum.momentum import scale_by_momentum


@transform
def ema(decay: Decay, debias: bool = True) -> Transform:
    """Emit the moving average of the updates, corrected for its start at zero.

    m ← b·m + (1−b)·g
    u = m / (1−bᵗ)

    `average_params` averages the parameters instead. `trace` emits a sum, which is
    larger by 1/(1−b).

    Args:
        decay: b in [0, 1).
        debias: whether to divide by 1−bᵗ.

    Returns:
        A transform that keeps the state of `scale_by_momentum`.

    Reference:
        Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2014,
        arXiv:1412.6980, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.ema(0.75)
        >>> state = tx.init(0.0)
        >>> for g in (4.0, 4.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        4.0
        4.0
    """
    average = scale_by_momentum(decay)
    return bias_correct(average) if debias else average
