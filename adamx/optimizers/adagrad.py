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
    """Adagrad's direction: divide by the root of the sum of squares.

    u = g / √(s + ε),  s ← s + g²

    Args:
        initial_accumulator_value: the s to begin with, ≥ 0.
        eps: ε ≥ 0.
        eps_in_sqrt: as in `adagrad`.

    Returns:
        The transform; its state is `mean_sq`, like the parameters but real, at least
        float32, and the `count` of steps.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization", 2011.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_rss(0.0, 0.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
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
    """Scale the gradient by the root of the sum of its past squares.

    s ← s + g²
    u = −η · g / √(s + ε), or g / (√s + ε)

    Not RMSProp, whose average forgets: here steps only get shorter.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        initial_accumulator_value: the s to begin with, a number ≥ 0; 0.1 in Optax and
            Keras, 0 in PyTorch.
        eps: ε ≥ 0; 1e-7 in Optax and Keras, 1e-10 in PyTorch.
        eps_in_sqrt: whether ε is inside the root (Keras, Optax) or outside (PyTorch).

    Returns:
        The transform; its state is `mean_sq`, the mean of g², like the parameters but
        real, at least float32, and `steps`, an int32 scalar.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization", 2011.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adagrad(0.1, 9.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(params))
        >>> round(float(updates), 6)
        -0.08
    """
    return chain(
        scale_by_rss(initial_accumulator_value, eps, eps_in_sqrt=eps_in_sqrt),
        scale_by_learning_rate(learning_rate),
    )
