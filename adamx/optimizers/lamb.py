"""LAMB: AdamW's direction, with the norm of the parameters.

d = μ̂ / (√ν̂ + ε) + λ·θ          scale_by_adam, add_decayed_weights
θ ← θ − η · d · ‖θ‖ / ‖d‖        scale_by_trust_ratio
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.trust_ratio import scale_by_trust_ratio


@transform
def lamb(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-6,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    decay_in_ratio: bool = True,
) -> Transform:
    """Scale Adam's step in each leaf to the norm of its parameter.

    d = μ̂ / (√(ν̂ + ε_root) + ε) + λ·θ
    u = −η · d · ‖θ‖ / ‖d‖, and −η · d where a norm is zero

    The decay is part of the normalized d, as in the paper and in Optax. Without
    `decay_in_ratio` it comes after: u = −η · (d·‖θ‖/‖d‖ + λ·θ), with a d without decay.
    Keras does so too, but shrinks the parameters first, so that its ‖θ‖ is (1 − η·λ)
    times as large.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ.
        decay_in_ratio: whether the decay comes before the trust ratio.

    Reference:
        You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76
        minutes", 2020, arXiv:1904.00962.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.lamb(0.1, eps=0.0)
        >>> params = jnp.array([3.0, 4.0])
        >>> updates, state = tx.update(jnp.array([0.0, 7.0]), tx.init(params), params)
        >>> [round(float(u), 5) for u in updates]
        [-0.0, -0.5]
    """
    pieces = (add_decayed_weights(weight_decay, mask), scale_by_trust_ratio())
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        *(pieces if decay_in_ratio else pieces[::-1]),
        scale_by_learning_rate(learning_rate),
    )
