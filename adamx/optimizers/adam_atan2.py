"""Adam-atan2: Adam without ε, bounded by an arctangent.

θ ← θ − η · (a · atan2(μ̂, b·√ν̂) + λ·θ)    scale_by_adam, arctangent
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.arctangent import arctangent
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def adam_atan2(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.99,
    a: NonNegative = 1.27,
    b: NonNegative = 1.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Adam with atan2 in place of a division: nothing to add, and nothing to explode.

    u = −η · (a · atan2(μ̂, b·√ν̂) + λ·θ)

    Gradients times a number give the same steps, however small they are; in float32
    below 1e-19 their squares vanish, and so do the steps. a = 1.27, about 4/π, makes
    steps of η where |μ̂| = √ν̂, as Adam's are; it is adam-atan2-pytorch's.

    Args:
        learning_rate: η, a number, traced scalar or schedule; 1e-4 in
            adam-atan2-pytorch.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        a: a ≥ 0, what the arctangent is multiplied by.
        b: b ≥ 0, what the root is multiplied by.
        weight_decay: λ, a finite number, traced scalar or schedule.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Everett et al., "Scaling Exponents Across Parameterizations and Optimizers",
        2024, arXiv:2407.05872.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adam_atan2(0.4, a=1.0)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 6)  # −0.4 · π/4
        -0.314159
    """
    return chain(
        scale_by_adam(b1, b2, 0.0),
        arctangent(a, b),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
