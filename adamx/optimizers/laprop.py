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
    """Average gradients that are already divided by the root of the second moment.

    ν ← b2·ν + (1−b2)·g²,  μ ← b1·μ + (1−b1)·g / (√(ν/(1−b2ᵗ) + ε_root) + ε)
    u = −η · (μ / (1−b1ᵗ) + λ·θ)

    Adam divides the average by the root of the present ν; here each gradient in it is
    divided by the ν of its own step. The authors' code has the learning rate inside the
    average, which differs where the rate changes. With `eps_hat` ε stands beside the
    uncorrected root, as in pytorch_optimizer (whose ε_root is 1e-15).

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η; 4e-4 in the paper.
        weight_decay: λ.

    Returns:
        A transform that keeps `nu` and `mu`.

    Reference:
        Ziyin, Wang & Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020,
        arXiv:2002.04839.

    Example:
        >>> import adamx
        >>> tx = adamx.laprop(0.1, b1=0.5, b2=0.5)
        >>> _, state = tx.update(4.0, tx.init(0.0), 0.0)
        >>> updates, state = tx.update(1.0, state, 0.0)
        >>> round(float(updates), 5)  # −η · (0.25·4/√16 + 0.5·1/√6) / 0.75
        -0.06055
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
