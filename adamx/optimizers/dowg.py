"""DoWG: DoG whose gradients are weighted by the distance at which they were seen.

r ← max(r, ‖θ − θ₀‖)                        scale_by_dowg
θ ← θ − η · g · r² / (√(Σ r²·‖g‖²) + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.dog import scale_by_dowg
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def dowg(
    learning_rate: Finite = 1.0,
    init_estim_sq_dist: NonNegative | None = None,
    eps: NonNegative = 1e-4,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Descend with the rate distance over weighted gradients.

    r ← max(r, ‖θ − θ₀‖)
    u = −η · (g + λ·θ) · r² / (√(Σ r²·‖g + λ·θ‖²) + ε), with norms over all leaves

    The weights are the distances from the start, so it catches up faster than `dog`.

    See `scale_by_dowg` and `adamw` for the other arguments.

    Args:
        learning_rate: η, usually 1.
        weight_decay: λ: λ·θ is added to the gradient first (L2).

    Reference:
        Khaled, Mishchenko & Jin, "DoWG Unleashed: An Efficient Universal
        Parameter-Free Gradient Descent Method", 2023, arXiv:2305.16284.

    Example:
        >>> import adamx
        >>> tx = adamx.dowg(init_estim_sq_dist=0.25, eps=0.0)
        >>> state = tx.init(1.0)
        >>> for params in (1.0, 0.0):
        ...     updates, state = tx.update(8.0, state, params)
        >>> round(float(updates), 6)  # −8 · 1² / √(0.25·8² + 1²·8²)
        -0.894427
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_dowg(init_estim_sq_dist, eps),
        scale_by_learning_rate(learning_rate),
    )
