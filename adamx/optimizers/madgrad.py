"""MADGRAD: dual averaging from where training began, scaled by a cube root.

s ← s + η·√t·g,  ν ← ν + η·√t·g²                   scale_by_madgrad
θ ← m·θ + (1 − m)·(θ₀ − s/(∛ν + ε))
"""

from adamx.core.chain import chain
from adamx.core.freeze import Labels
from adamx.core.hyper import Decay, Finite, NonNegative
from adamx.core.transform import Transform, transform
from adamx.transforms.decay import add_decayed_weights
from adamx.transforms.madgrad import scale_by_madgrad


@transform
def madgrad(
    learning_rate: NonNegative,
    momentum: Decay = 0.9,
    weight_decay: Finite = 0.0,
    eps: NonNegative = 1e-6,
    mask: Labels | None = None,
) -> Transform:
    """A momentumized, adaptive, dual averaged gradient method.

    s ← s + η·√t·(g + λ·θ),  ν ← ν + η·√t·(g + λ·θ)²
    u = (1 − m)·(θ₀ − s/(∛ν + ε) − θ)

    λ is coupled, an L2 term; for most problems it is to be 0. The authors' code adds ε
    to the learning rate as well: with η + ε it is the same.

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule.
        momentum: m in [0, 1).
        weight_decay: λ of an L2 term, added to the gradient before all else.
        eps: ε ≥ 0.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is `sum` (s), `mean_sq`, ν over the sum of all weights,
        and `x0` (θ₀), like the parameters and at least float32, and a few scalars. It
        needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
        Dual Averaged Gradient Method for Stochastic Optimization", 2022,
        arXiv:2101.11075.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.madgrad(1.0, momentum=0.5, eps=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -1.0
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_madgrad(learning_rate, momentum, eps),
    )
