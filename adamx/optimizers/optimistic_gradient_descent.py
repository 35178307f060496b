"""Optimistic gradient descent: a step along the gradient that is expected next.

θ ← θ − η · (α·g + β·(g − g₋₁))    scale_by_optimistic_gradient
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.hyper import Finite
from adamx.core.transform import Transform, transform
from adamx.core.types import Array
from adamx.transforms.difference import difference
from adamx.transforms.scale import scale, scale_by_learning_rate


def _sum(now: Array, change: Array) -> Array:
    return now + change


@transform
def scale_by_optimistic_gradient(alpha: Finite = 1.0, beta: Finite = 1.0) -> Transform:
    """The gradient, and the way it has changed since the last step once more.

    u = α·g + β·(g − g₋₁), and α·g in the first step

    Args:
        alpha: α, the weight of the gradient.
        beta: β, the weight of its change: negative momentum.

    Returns:
        The transform; its state is `previous`, like the parameters and at least
        float32, and a `count`.

    Raises:
        TransformError: a hyperparameter is not a finite number.

    Reference:
        Mokhtari et al., "A Unified Analysis of Extra-gradient and Optimistic Gradient
        Methods for Saddle Point Problems", 2020, arXiv:1901.08511. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_optimistic_gradient()
        >>> _, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
        >>> float(tx.update(jnp.array(4.0), state)[0])
        5.0
    """
    return fork(_sum, now=scale(alpha), change=chain(difference(), scale(beta)))


@transform
def optimistic_gradient_descent(
    learning_rate: Finite, alpha: Finite = 1.0, beta: Finite = 1.0
) -> Transform:
    """Gradient descent that does not circle in games of two players.

    u = −η · (α·g + β·(g − g₋₁)), and −η·α·g in the first step

    Where two losses pull in turns, plain gradient descent runs round the equilibrium
    and away from it; one look ahead makes it go there.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        alpha: α, the weight of the gradient.
        beta: β, the weight of its change.

    Returns:
        The transform; its state is `previous`, like the parameters and at least
        float32, and a `count`.

    Raises:
        TransformError: a hyperparameter is not a finite number.

    Reference:
        Mokhtari et al., "A Unified Analysis of Extra-gradient and Optimistic Gradient
        Methods for Saddle Point Problems", 2020, arXiv:1901.08511.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.optimistic_gradient_descent(0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params))
        >>> round(float(updates), 6)
        -0.3
    """
    return chain(
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )
