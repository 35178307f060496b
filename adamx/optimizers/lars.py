"""LARS: the heavy ball, with a step in each leaf in proportion to its norm.

d = g + λ·θ                              add_decayed_weights
t ← m·t + η · d · φ·‖θ‖ / (‖d‖ + ε)      scale_by_trust_ratio, trace
θ ← θ − t
"""

from adamx.core.chain import chain
from adamx.core.partition import masked
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, HeavyBall, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.momentum import trace
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.trust_ratio import scale_by_trust_ratio


@transform
def lars(
    learning_rate: Finite,
    weight_decay: NonNegative = 0.0,
    weight_decay_mask: Labels = True,
    trust_coefficient: NonNegative = 0.001,
    eps: NonNegative = 0.0,
    trust_ratio_mask: Labels = True,
    momentum: HeavyBall = 0.9,
    nesterov: bool = False,
    *,
    norms_apart: bool = False,
) -> Transform:
    """Scale the step of each leaf to the norm of its parameter, before a heavy ball.

    d = g + λ·θ
    t ← m·t + η · d · φ·‖θ‖ / (‖d‖ + ε), and η·d where a norm is zero;  u = −t

    That is Optax's form. With `norms_apart` it is the paper's and that of PyTorch
    implementations, whose divisor is ‖g‖ + λ·‖θ‖ + ε, never less than ‖d‖. The learning
    rate is inside the trace, as in the paper; others multiply by it afterwards, which
    differs where the rate changes.

    Args:
        learning_rate: η.
        weight_decay: λ ≥ 0.
        weight_decay_mask: which parameters decay; all by default. With `norms_apart` it
            is ignored: the parameters chosen by `trust_ratio_mask` decay.
        trust_coefficient: φ ≥ 0.
        eps: ε ≥ 0, beside the norm, as in `scale_by_trust_ratio`.
        trust_ratio_mask: which parameters have a trust ratio; all by default. Vectors
            are often left out.
        momentum: m in [0, 1].
        nesterov: whether the trace looks ahead.
        norms_apart: whether the norms of gradient and decay are added.

    Returns:
        A transform that keeps `trace`.

    Reference:
        You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
        arXiv:1708.03888.

    Example:
        >>> import adamx
        >>> tx = adamx.lars(0.1, trust_coefficient=1.0)
        >>> updates, state = tx.update(7.0, tx.init(5.0), 5.0)
        >>> round(float(updates), 6)  # −η · ‖θ‖
        -0.5
    """
    apart = weight_decay if norms_apart else None
    trust = scale_by_trust_ratio(0.0, trust_coefficient, eps, weight_decay=apart)
    mask = None if weight_decay_mask is True else weight_decay_mask
    return chain(
        chain() if norms_apart else add_decayed_weights(weight_decay, mask),
        trust if trust_ratio_mask is True else masked(trust, trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )
