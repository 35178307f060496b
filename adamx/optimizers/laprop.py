"""LaProp: momentum of what RMSProp emits, instead of RMSProp of momentum.

ν ← b2·ν + (1−b2)·g²                           second_moment
μ ← b1·μ + (1−b1)·g / (√(ν/(1−b2ᵗ)) + ε)       scale_by_second_moment
θ ← θ − η · μ / (1−b1ᵗ)                        bias_correct(scale_by_momentum)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct, scale_by_response
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def laprop(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-15,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    eps_hat: bool = False,
) -> Transform:
    """Average gradients that have been normalized already.

    ν ← b2·ν + (1−b2)·g²,  μ ← b1·μ + (1−b1)·g / (√(ν/(1−b2ᵗ) + ε_root) + ε)
    u = −η · (μ / (1−b1ᵗ) + λ·θ)

    In Adam each gradient in the average is divided by the root of the present ν, here
    by that of its own time. The authors' code keeps the learning rate inside the
    average; the two part where the rate changes. With `eps_hat` ε stands beside the
    uncorrected root, as in pytorch_optimizer (whose ε_root is 1e-15).

    Args:
        learning_rate: η, a number, traced scalar or schedule; 4e-4 in the paper.
        b1: decay of the average, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ, a finite number, traced scalar or schedule.
        mask: which parameters decay, as for `masked`; all by default.
        eps_hat: whether ε stands beside the uncorrected root.

    Returns:
        The transform; its state is `nu` and `mu`, like the parameters and at least
        float32, and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Ziyin, Wang & Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020,
        arXiv:2002.04839.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.laprop(0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.1
    """
    moment = second_moment(b2)
    corrected = moment if eps_hat else bias_correct(moment)
    return chain(
        scale_by_second_moment(corrected, eps, eps_root),
        scale_by_response(moment, 0.5) if eps_hat else chain(),
        bias_correct(scale_by_momentum(b1)),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
