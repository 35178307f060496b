"""Adagrad: the gradient over the root of the sum of all its squares.

s ← s + g²                     sum_of_squares
θ ← θ − η · g / √(s + ε)       scale_by_second_moment
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.transforms.moments.second_moment import scale_by_second_moment
from adamx.transforms.moments.sum_of_squares import sum_of_squares
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_rss(
    initial_accumulator_value: float = 0.1,
    eps: NonNegative = 1e-7,
    *,
    eps_in_sqrt: bool = True,
) -> Transform:
    """Divide by the root of the sum of all squares so far.

    s ← s + g²
    u = g / √(s + ε), or g / (√s + ε)

    This is the direction of `adagrad`.

    Args:
        initial_accumulator_value: the first s, a number ≥ 0; 0.1 in Optax and Keras,
            0 in PyTorch.
        eps: ε ≥ 0; 1e-7 in Optax and Keras, 1e-10 in PyTorch.
        eps_in_sqrt: whether ε is inside the root (Keras, Optax) or outside (PyTorch).

    Returns:
        A transform that keeps `mean_sq`, the mean of g².

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_rss(0.0, 0.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 6)
        1.0
    """
    inside, outside = (eps, 0.0) if eps_in_sqrt else (0.0, eps)
    moment = sum_of_squares(initial_accumulator_value)
    return scale_by_second_moment(moment, outside, inside)


@transform
def adagrad(
    learning_rate: Finite,
    initial_accumulator_value: float = 0.1,
    eps: NonNegative = 1e-7,
    *,
    eps_in_sqrt: bool = True,
) -> Transform:
    """Divide the gradient by the root of the sum of all its squares.

    s ← s + g²
    u = −η · g / √(s + ε), or −η · g / (√s + ε)

    Steps only get shorter, because the sum does not forget. RMSProp has an average.

    See `scale_by_rss` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization", 2011.

    Example:
        >>> import adamx
        >>> tx = adamx.adagrad(0.1, 9.0)
        >>> updates, state = tx.update(4.0, tx.init(1.0))
        >>> round(float(updates), 6)
        -0.08
    """
    return chain(
        scale_by_rss(initial_accumulator_value, eps, eps_in_sqrt=eps_in_sqrt),
        scale_by_learning_rate(learning_rate),
    )
