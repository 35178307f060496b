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

    Not `average_params`, which averages where the updates lead; and not `trace`, whose
    sum is larger by 1/(1−b).

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule.
        debias: whether to divide by 1−bᵗ.

    Returns:
        The transform; its state is that of `scale_by_momentum`, at least float32
        whatever the updates are.

    Raises:
        TransformError: `decay` is outside [0, 1).

    Reference:
        Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2014,
        arXiv:1412.6980, section 3. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.ema(0.75)
        >>> state = tx.init(jnp.array(0.0))
        >>> for g in (4.0, 4.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        4.0
        4.0
    """
    average = scale_by_momentum(decay)
    return bias_correct(average) if debias else average
