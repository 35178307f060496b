"""Optimism: the next gradient is expected to change as the last one did.

u = α·g + β·(g − g₋₁)                     scale_by_optimistic_gradient
θ ← θ − η·u
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.difference import difference
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.types import Array


def _expected(gradient: Array, change: Array) -> Array:
    return gradient + change


@transform
def scale_by_optimistic_gradient(
    alpha: Finite = 1.0, beta: Finite = 1.0, *, from_zero: bool = False
) -> Transform:
    """Add to the updates how they have changed since the last step.

    u = α·g + β·(g − g₋₁)

    This is the direction of `optimistic_gradient_descent`.

    Args:
        alpha: α, the weight of the gradient.
        beta: β, the weight of its change.
        from_zero: whether g₋₁ is zero in the first step, as in the paper; otherwise it
            is g, as in Optax.

    Returns:
        A transform that keeps `previous`, the last gradient.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_optimistic_gradient()
        >>> first, state = tx.update(3.0, tx.init(0.0))
        >>> second, state = tx.update(4.0, state)
        >>> float(first), float(second)
        (3.0, 5.0)
    """
    change = chain(difference(from_zero), scale(beta))
    return fork(_expected, gradient=scale(alpha), change=change)


@transform
def optimistic_gradient_descent(
    learning_rate: Finite,
    alpha: Finite = 1.0,
    beta: Finite = 1.0,
    *,
    from_zero: bool = False,
) -> Transform:
    """Descend so that games of two players converge to a saddle point.

    u = −η · (α·g + β·(g − g₋₁))

    If one player goes up a function and the other goes down, plain gradient descent
    circles around the solution or leaves it; this comes closer with each step.

    See `scale_by_optimistic_gradient` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2017, arXiv:1711.00141;
        Mokhtari, Ozdaglar & Pattathil, 2019, arXiv:1901.08511, for α and β.

    Example:
        >>> import adamx
        >>> tx = adamx.optimistic_gradient_descent(0.5)
        >>> first, state = tx.update(3.0, tx.init(0.0))
        >>> second, state = tx.update(4.0, state)
        >>> float(first), float(second)
        (-1.5, -2.5)
    """
    return chain(
        scale_by_optimistic_gradient(alpha, beta, from_zero=from_zero),
        scale_by_learning_rate(learning_rate),
    )


@transform
def optimistic_adam(
    learning_rate: Finite,
    optimism: Finite | None = None,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    nesterov: bool = True,
    from_zero: bool = False,
) -> Transform:
    """Add to Adam's direction how it has changed since the last step.

    r = Adam's direction
    u = −η·r − o·(r − r₋₁)

    The paper has o = η, no Nesterov, and 0 for the first r₋₁: that is
    `nesterov=False, from_zero=True`. The defaults are Optax's, whose `nesterov` is on.
    Both η and o may be schedules; in Optax they may not.

    See `adam` and `scale_by_optimistic_gradient` for the other arguments.

    Args:
        learning_rate: η.
        optimism: o; η by default.

    Returns:
        A transform that keeps `mu`, `nu` and `previous`, the last direction.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2017, arXiv:1711.00141,
        algorithm 1.

    Example:
        >>> import adamx
        >>> tx = adamx.optimistic_adam(0.1, nesterov=False)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 6)
        -0.1
    """
    ahead = scale_by_second_moment(
        bias_correct(second_moment(b2)), eps, eps_root, numerator=nesterov_momentum(b1)
    )
    beta = learning_rate if optimism is None else optimism
    return chain(
        ahead if nesterov else scale_by_adam(b1, b2, eps, eps_root),
        scale_by_optimistic_gradient(learning_rate, beta, from_zero=from_zero),
        scale_by_learning_rate(1.0),
    )
