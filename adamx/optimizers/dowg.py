"""DoWG: DoG whose gradients are weighted by the distance at which they were seen.

r ← max(r, ‖θ − θ₀‖)                        scale_by_dowg
θ ← θ − η · g · r² / (√(Σ r²·‖g‖²) + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.distance import scale_by_dowg
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def dowg(
    learning_rate: Finite = 1.0,
    init_estim_sq_dist: NonNegative | None = None,
    eps: NonNegative = 1e-4,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Distance over weighted gradients: no rate to tune, and faster away from afar.

    r ← max(r, ‖θ − θ₀‖)
    u = −η · (g + λ·θ) · r² / (√(Σ r²·‖g + λ·θ‖²) + ε), with norms over all leaves

    Args:
        learning_rate: η; 1 unless there are reasons.
        init_estim_sq_dist: the r² to begin with, ≥ 0; ε² by default. Optax takes ε
            for r² instead.
        eps: ε ≥ 0.
        weight_decay: λ of an L2 term, added to the gradient before all else.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is `x0` (θ₀), like the parameters, at least float32,
        and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Khaled, Mishchenko & Jin, "DoWG Unleashed: An Efficient Universal
        Parameter-Free Gradient Descent Method", 2023, arXiv:2305.16284.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dowg(init_estim_sq_dist=0.25, eps=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.5
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_dowg(init_estim_sq_dist, eps),
        scale_by_learning_rate(learning_rate),
    )
