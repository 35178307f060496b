"""MADGRAD: dual averaging with the cube root of the sum of squares, and momentum.

s ← s + η·√t·g,  ν ← ν + η·√t·g²          scale_by_madgrad
z = θ₀ − s / (∛ν + ε)
θ ← m·θ + (1−m)·z
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.dual_average import scale_by_madgrad


@transform
def madgrad(
    learning_rate: Finite,
    momentum: Decay = 0.9,
    weight_decay: Finite = 0.0,
    eps: NonNegative = 1e-6,
) -> Transform:
    """Adagrad's dual averaging with a cube root, as a moving average of its iterates.

    g ← g + λ·θ,  s ← s + η·√t·g,  ν ← ν + η·√t·g²
    θ ← m·θ + (1−m) · (θ₀ − s / (∛ν + ε))

    This is the paper. The authors' package, and Optax after it, add ε to the learning
    rate: `madgrad(rate + eps)` is theirs at `rate`. The decay is that of an L2
    penalty, and little of it is needed.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        momentum: m in [0, 1), as that of SGD.
        weight_decay: λ, added to the gradient as λ·θ.
        eps: ε ≥ 0, outside the root.

    Returns:
        The transform; its state is `sum`, `sum_sq` and `initial`, like the parameters
        and at least float32, and the `count`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
        Dual Averaged Gradient Method for Stochastic Optimization", 2021,
        arXiv:2101.11075.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.madgrad(1.0, momentum=0.5, eps=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -1.0
    """
    return chain(
        add_decayed_weights(weight_decay),
        scale_by_madgrad(learning_rate, momentum, eps),
    )
