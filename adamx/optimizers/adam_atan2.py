"""Adam-atan2: Adam whose quotient is an angle, and which so needs no ε.

μ̂, ν̂ as in Adam                            bias_correct
θ ← θ − η · (a·atan2(μ̂, b·√ν̂) + λ·θ)       scale_by_angle, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.freeze import Labels
from adamx.core.hyper import Decay, Finite, NonNegative
from adamx.core.transform import Transform, transform
from adamx.transforms.angle import scale_by_angle
from adamx.transforms.bias_correct import bias_correct
from adamx.transforms.decay import add_decayed_weights
from adamx.transforms.momentum import scale_by_momentum
from adamx.transforms.scale import scale_by_learning_rate
from adamx.transforms.second_moment import second_moment


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
    """Adam that does not change with the scale of the gradients, however small.

    u = −η · (a·atan2(μ/(1−b1ᵗ), b·√(ν/(1−b2ᵗ))) + λ·θ)

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        a: a ≥ 0, a factor; 4/π ≈ 1.27 makes an angle of 45° one.
        b: b ≥ 0, how large a quotient is taken as it is.
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
        >>> tx = adamx.adam_atan2(0.1, a=4 / jnp.pi)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3e-9), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.1
    """
    moment = bias_correct(second_moment(b2))
    return chain(
        scale_by_angle(moment, a, b, numerator=bias_correct(scale_by_momentum(b1))),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
