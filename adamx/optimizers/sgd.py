"""Stochastic gradient descent, with the heavy ball or Nesterov's momentum.

t ← g + m·t
θ ← θ − η·t
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, HeavyBall
from adamx.transforms.momentum.momentum import trace
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def sgd(
    learning_rate: Finite,
    momentum: HeavyBall | None = None,
    nesterov: bool = False,
    *,
    dampening: Decay | None = None,
    rate_in_trace: bool = False,
) -> Transform:
    """Descend along the gradient, or along its trace.

    u = −η·g;  with momentum m:  t ← g + m·t,  u = −η·t;  Nesterov:  u = −η·(g + m·t)

    The learning rate multiplies the trace when it is used, as in PyTorch and Optax.
    With `rate_in_trace` it multiplies each gradient that enters, t ← η·g + m·t and
    u = −t, as in Keras. The two differ where the rate changes: with `rate_in_trace` an
    old gradient keeps the rate of its own step.

    Args:
        learning_rate: η.
        momentum: m in [0, 1]; None for plain gradient descent.
        nesterov: whether to look ahead; needs `momentum`.
        dampening: d in [0, 1): all gradients but the first enter the trace as
            (1−d)·g. PyTorch has it, Optax and Keras do not; None for none.
        rate_in_trace: whether η is applied before the trace.

    Returns:
        A transform that keeps `trace` with momentum, and nothing without.

    Reference:
        Robbins & Monro, 1951; Sutskever et al., "On the importance of initialization
        and momentum in deep learning", 2013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.sgd(0.1)
        >>> params = jnp.array(5.0)
        >>> updates, state = tx.update(10.0, tx.init(params))
        >>> float(adamx.apply_updates(params, updates))
        4.0
    """
    still = momentum is None
    moving = chain() if still else trace(momentum, nesterov, dampening=dampening)
    pieces = (moving, scale_by_learning_rate(learning_rate))
    return chain(*(pieces[::-1] if rate_in_trace else pieces))
