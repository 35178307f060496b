"""Signum: the sign of the momentum.

μ ← b·μ + (1−b)·g
θ ← θ − η · (sign(μ) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.sign import scale_by_sign


@transform
def signum(
    learning_rate: Finite,
    momentum: Decay = 0.9,
    *,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Step by the sign of the gradients' moving average.

    μ ← b·μ + (1−b)·g
    u = −η · (sign(μ) + λ·θ)

    Lion takes the sign of another average than it keeps.

    See `adamw` for the other arguments.

    Args:
        learning_rate: η.
        momentum: b in [0, 1).
        weight_decay: λ.

    Returns:
        A transform that keeps `mu`.

    Reference:
        Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems",
        2018, arXiv:1802.04434, algorithm 2.

    Example:
        >>> import adamx
        >>> tx = adamx.signum(0.5)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> updates, state = tx.update(-1.0, state, 1.0)
        >>> float(updates)
        -0.5
    """
    return chain(
        scale_by_momentum(momentum),
        scale_by_sign(),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
