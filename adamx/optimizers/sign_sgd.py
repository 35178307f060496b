"""SignSGD: the sign of the gradient.

θ ← θ − η · sign(g)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.sign import scale_by_sign


@transform
def sign_sgd(learning_rate: Finite) -> Transform:
    """Step by the sign of each number alone.

    u = −η · sign(g)

    With momentum it is `signum`.

    Args:
        learning_rate: η.

    Reference:
        Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems",
        2018, arXiv:1802.04434.

    Example:
        >>> import adamx
        >>> tx = adamx.sign_sgd(0.5)
        >>> grads = {"a": -3.0, "b": 0.1}
        >>> updates, state = tx.update(grads, tx.init(grads))
        >>> float(updates["a"]), float(updates["b"])
        (0.5, -0.5)
    """
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))
