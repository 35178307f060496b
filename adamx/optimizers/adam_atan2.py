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
    """Replace Adam's division by atan2, which needs no ε and is bounded.

    u = −η · (a · atan2(μ̂, b·√ν̂) + λ·θ)

    The step does not change if all gradients are multiplied by a number. In float32 it
    is 0 for gradients below 1e-19, whose squares underflow. With a = 1.27, about 4/π,
    the step is η where |μ̂| = √ν̂, as Adam's is; it is the default of
    adam-atan2-pytorch.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η; 1e-4 in adam-atan2-pytorch.
        a: a ≥ 0, the factor of the arctangent.
        b: b ≥ 0, the factor of the root.
        weight_decay: λ.

    Returns:
        A transform that keeps `mu` and `nu`.

    Reference:
        Everett et al., "Scaling Exponents Across Parameterizations and Optimizers",
        2024, arXiv:2407.05872.

    Example:
        >>> import adamx
        >>> tx = adamx.adam_atan2(0.4, a=1.0)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)  # −0.4 · π/4
        -0.314159
    """
    return chain(
        scale_by_adam(b1, b2, 0.0),
        arctangent(a, b),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
