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

    Args:
        alpha: α, a number, traced scalar or schedule.
        beta: β, a number, traced scalar or schedule.
        from_zero: whether the first updates are compared with zero, as in the paper;
            otherwise they have not changed, as in Optax.

    Returns:
        The transform; its state is `previous`, like the parameters and at least
        float32, and the `count` of steps.

    Raises:
        TransformError: a hyperparameter is not finite.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2017, arXiv:1711.00141;
        Mokhtari, Ozdaglar & Pattathil, 2019, arXiv:1901.08511, for α and β.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_optimistic_gradient()
        >>> first, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
        >>> second, state = tx.update(jnp.array(4.0), state)
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
    """Gradient descent that finds the saddle points of games.

    u = −η · (α·g + β·(g − g₋₁))

    Where two players go up and down the same function, plain gradient descent circles
    around the solution or leaves it; this comes closer with each step.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        alpha: α, the weight of the gradient.
        beta: β, the weight of its change.
        from_zero: whether the first gradient is compared with zero, as in the paper;
            otherwise it has not changed, as in Optax.

    Returns:
        The transform; its state is `previous`, like the parameters and at least
        float32, and the `count` of steps.

    Raises:
        TransformError: a hyperparameter is not finite.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2017, arXiv:1711.00141;
        Mokhtari, Ozdaglar & Pattathil, 2019, arXiv:1901.08511, for α and β.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.optimistic_gradient_descent(0.5)
        >>> first, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
        >>> second, state = tx.update(jnp.array(4.0), state)
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
    """Adam whose direction is expected to change as it did last.

    r = Adam's direction
    u = −η·r − o·(r − r₋₁)

    The paper has o = η, no Nesterov, and 0 for the first r₋₁: that is
    `nesterov=False, from_zero=True`. The defaults are Optax's, whose `nesterov` is on.
    Both numbers may be schedules; in Optax's form of this name they cannot.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        optimism: o, a number, traced scalar or schedule; η by default.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        nesterov: whether r is NAdam's direction instead.
        from_zero: whether the first direction is compared with zero.

    Returns:
        The transform; its state is `mu`, `nu` and `previous`, like the parameters and
        at least float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2017, arXiv:1711.00141,
        algorithm 1.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.optimistic_adam(0.1, nesterov=False)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params))
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
