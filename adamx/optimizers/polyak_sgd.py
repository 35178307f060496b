"""Gradient descent with Polyak's step size.

γ = min((f(θ) − f_min) / (‖g‖² + ε), γ_max)     scale_by_polyak
θ ← θ − s · γ · g
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.transforms.distance.polyak import scale_by_polyak
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def polyak_sgd(
    max_learning_rate: NonNegative = 1.0,
    scaling: Finite = 1.0,
    f_min: Finite = 0.0,
    eps: NonNegative = 0.0,
    variant: str = "sps",
) -> Transform:
    """Descend with a rate that follows from the loss and a lower bound of it.

    u = −s · g · min((f(θ) − f_min) / (‖g‖² + ε), γ), with the norm over all leaves

    For models that can fit all data, whose loss can come near f_min = 0. The formula is
    that of Optax's documentation. Its code scales the gradient by s first, and so
    divides by s instead of multiplying.

    See `scale_by_polyak` for the other arguments.

    Args:
        scaling: s, a factor for all steps.

    Reference:
        Loizou et al., "Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate
        for Fast Convergence", 2021, arXiv:2002.10542.

    Example:
        >>> import adamx
        >>> tx = adamx.polyak_sgd()
        >>> updates, state = tx.update(4.0, tx.init(2.0), 2.0, value=4.0)  # of θ²
        >>> float(updates)
        -1.0
    """
    return chain(
        scale_by_polyak(f_min, max_learning_rate, eps, variant),
        scale_by_learning_rate(scaling),
    )
