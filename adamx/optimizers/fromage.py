"""Fromage: a step as long as the norm of the leaf, and back to the old norm.

θ ← (θ − η · g·‖θ‖/‖g‖) / √(1 + η²)    scale_by_trust_ratio, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import NonNegative, derived
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.trust_ratio import scale_by_trust_ratio
from adamx.types import Scalar


def _shortened(learning_rate: Scalar) -> Scalar:
    return learning_rate / (1 + learning_rate**2) ** 0.5


def _shrinkage(learning_rate: Scalar) -> Scalar:
    """Return 1/√(1+η²) − 1 without a difference of nearly equal numbers."""
    root = (1 + learning_rate**2) ** 0.5
    return -(learning_rate**2) / (root * (1 + root))


@transform
def fromage(learning_rate: NonNegative, min_norm: NonNegative = 1e-6) -> Transform:
    """Move each leaf by a share of its norm, and return to the norm it had.

    u = (θ − η · g·‖θ‖/‖g‖) / √(1 + η²) − θ

    A norm below `min_norm` counts as `min_norm`, as in Optax. With 0 the step is −η·g
    if a norm is zero, as in the authors' code. LARS has momentum and lets norms grow.

    Args:
        learning_rate: η ≥ 0.
        min_norm: the least that a norm counts as, ≥ 0.

    Reference:
        Bernstein et al., "On the distance between two neural networks and the
        stability of learning", 2020, arXiv:2002.03432.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.fromage(0.75)
        >>> params = jnp.array([3.0, 4.0])
        >>> updates, state = tx.update(jnp.array([0.0, 7.0]), tx.init(params), params)
        >>> [round(float(p), 5) for p in adamx.apply_updates(params, updates)]
        [2.4, 0.2]
    """
    return chain(
        scale_by_trust_ratio(min_norm),
        scale_by_learning_rate(derived(_shortened, learning_rate)),
        add_decayed_weights(derived(_shrinkage, learning_rate)),
    )
