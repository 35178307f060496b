"""Lion: the sign of a momentum that looks at the present more than it remembers it.

c = b1·μ + (1−b1)·g            interpolated_momentum
μ ← b2·μ + (1−b2)·g
θ ← θ − η · (sign(c) + λ·θ)    scale_by_sign, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.interpolation import interpolated_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.sign import scale_by_sign


@transform
def scale_by_lion(b1: Decay = 0.9, b2: Decay = 0.99) -> Transform:
    """Emit the sign of a momentum in which the present gradient counts more.

    u = sign(b1·μ + (1−b1)·g),  μ ← b2·μ + (1−b2)·g

    This is the direction of `lion`.

    Args:
        b1: the share of the momentum inside the sign, in [0, 1).
        b2: the decay of the momentum, in [0, 1).

    Returns:
        A transform that keeps `mu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_lion()
        >>> updates, state = tx.update(-3.0, tx.init(0.0))
        >>> round(float(updates), 6)
        -1.0
    """
    return chain(interpolated_momentum(b1, b2), scale_by_sign())


@transform
def lion(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.99,
    *,
    weight_decay: Finite = 1e-3,
    mask: Labels | None = None,
) -> Transform:
    """Step by the sign of an evolved momentum, with decoupled weight decay.

    c = b1·μ + (1−b1)·g,  μ ← b2·μ + (1−b2)·g
    u = −η · (sign(c) + λ·θ)

    Signum takes the sign of the average that it keeps. Because every number moves by
    η, η must be 3 to 10 times smaller than Adam's, and λ as many times larger.

    See `scale_by_lion` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ. The default is Optax's; it is 0 in lion-pytorch and Keras.

    Reference:
        Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023,
        arXiv:2302.06675.

    Example:
        >>> import adamx
        >>> tx = adamx.lion(0.1, weight_decay=0.5)
        >>> params, grads = {"a": 2.0, "b": -2.0}, {"a": 3.0, "b": 0.0}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> [round(float(u), 6) for u in updates.values()]
        [-0.2, 0.1]
    """
    return chain(
        scale_by_lion(b1, b2),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
