"""Optimistic Adam: Adam's direction as it will be if it goes on changing.

d = μ̂ / (√ν̂ + ε)                     scale_by_adam
θ ← θ − η·d − ω·(d − d₋₁)            scale_by_optimistic_gradient
"""

from adamx.core.chain import chain
from adamx.core.hyper import Decay, Finite, NonNegative
from adamx.core.transform import Transform, transform
from adamx.optimizers.adam import scale_by_adam
from adamx.optimizers.optimistic_gradient_descent import scale_by_optimistic_gradient
from adamx.transforms.scale import scale


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
) -> Transform:
    """Adam that does not circle in games of two players.

    d = μ̂ / (√(ν̂ + ε_root) + ε)
    u = −η·d − ω·(d − d₋₁), and −η·d in the first step

    The paper has ω = η and no Nesterov, and d₋₁ = 0 at first, so that its first step is
    twice as long. Nesterov by default is Optax's.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        optimism: ω; the learning rate by default.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        nesterov: whether the momentum looks ahead, as in NAdam.

    Returns:
        The transform; its state is `mu`, `nu` and `previous`, like the parameters and
        at least float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Daskalakis et al., "Training GANs with Optimism", 2018, arXiv:1711.00141.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.optimistic_adam(0.1, nesterov=False)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params))
        >>> round(float(updates), 6)
        -0.1
    """
    ahead = learning_rate if optimism is None else optimism
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov),
        scale_by_optimistic_gradient(learning_rate, ahead),
        scale(-1.0),
    )
