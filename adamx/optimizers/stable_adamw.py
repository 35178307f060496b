"""StableAdamW: AdamW that takes shorter steps where gradients outgrow their moment.

d = μ̂ / (√ν̂ + ε) + λ·θ                          scale_by_adam, stabilize
θ ← θ − η · d / max(1, √mean(g²/max(ν̂, ε²)))
"""

from adamx.core.chain import chain
from adamx.core.hyper import Decay, Finite, NonNegative
from adamx.core.transform import Transform, transform
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.scale import scale_by_learning_rate
from adamx.transforms.stabilized import stabilize


@transform
def stable_adamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.99,
    eps: NonNegative = 1e-6,
    eps_root: NonNegative = 0.0,
    *,
    weight_decay: Finite = 1e-2,
) -> Transform:
    """AdamW with the update clipping of Adafactor, so that losses do not spike.

    r = √mean(g² / max(ν̂, ε²)) over each leaf
    u = −η / max(1, r) · (μ̂ / (√(ν̂ + ε_root) + ε) + λ·θ)

    To be used without gradient clipping. The decay is shortened with the step, as in
    the paper and optimi; for leaves without decay use `partition`.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ; 1e-2 in optimi.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Wortsman et al., "Stable and low-precision training for large-scale
        vision-language models", 2023, arXiv:2304.13013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.stable_adamw(0.1, weight_decay=0.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    return chain(
        stabilize(scale_by_adam(b1, b2, eps, eps_root), eps, weight_decay),
        scale_by_learning_rate(learning_rate),
    )
