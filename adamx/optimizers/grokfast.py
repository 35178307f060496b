"""Grokfast: more of the slow part of the gradients, before any optimizer.

μ ← b·μ + (1−b)·g, and g in the first step     scale_by_momentum(from_first=True)
g ← g + γ·μ
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.identity import identity
from adamx.transforms.scaling.scale import scale
from adamx.types import Array


def _amplified(gradient: Array, slow: Array) -> Array:
    return gradient + slow


@transform
def grokfast(alpha: Decay = 0.98, lamb: Finite = 2.0) -> Transform:
    """Add a multiple of the slow moving average of the gradients to them.

    μ ← α·μ + (1−α)·g, and μ = g in the first step
    u = g + λ·μ

    Put it before an optimizer: `chain(grokfast(), adamw(1e-3))`. This is the authors'
    `gradfilter_ema`. Their `gradfilter_ma`, a mean over a window, would keep as many
    gradients as the window is long.

    Args:
        alpha: α in [0, 1).
        lamb: λ, how much of the average is added.

    Returns:
        A transform that keeps `mu`.

    Reference:
        Lee et al., "Grokfast: Accelerated Grokking by Amplifying Slow Gradients",
        2024, arXiv:2405.20233.

    Example:
        >>> import adamx
        >>> tx = adamx.grokfast(0.5)
        >>> first, state = tx.update(4.0, tx.init(0.0))
        >>> second, state = tx.update(0.0, state)
        >>> float(first), float(second)
        (12.0, 4.0)
    """
    slow = chain(scale_by_momentum(alpha, from_first=True), scale(lamb))
    return fork(_amplified, gradient=identity(), slow=slow)
