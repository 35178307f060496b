"""StableAdamW: AdamW that slows down where its second moment is out of date.

RMS² = mean of g² / max(ν̂, ε²), over one leaf      scale_by_stable_moment
θ ← θ − η/max(1, RMS) · (μ̂ / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.moments.stable_moment import scale_by_stable_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def stable_adamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.99,
    eps: NonNegative = 1e-6,
    weight_decay: Finite = 1e-2,
    mask: Labels | None = None,
) -> Transform:
    """Slow AdamW down where its second moment is out of date.

    RMS² = mean of g² / max(ν̂, ε²), over one leaf
    u = −η/max(1, RMS) · (μ̂/(√ν̂ + ε) + λ·θ)

    This is Adafactor's clipping, so that a sudden gradient makes no spike. The decay
    slows down with the step, as in the paper and optimi.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        eps: ε ≥ 0, beside the root, and the least that the root counts as in the RMS.
        weight_decay: λ. The default is optimi's.

    Returns:
        A transform that keeps `mu` and `nu`.

    Reference:
        Wortsman et al., "Stable and low-precision training for large-scale
        vision-language models", 2023, arXiv:2304.13013, algorithm 2.

    Example:
        >>> import adamx
        >>> tx = adamx.stable_adamw(0.1, b1=0.0, b2=0.5, weight_decay=0.0)
        >>> _, state = tx.update(1.0, tx.init(0.0), 0.0)
        >>> updates, state = tx.update(7.0, state, 0.0)
        >>> round(float(updates), 6)  # −η · 7/√33 / RMS, with RMS = 7/√33
        -0.1
    """
    return chain(
        scale_by_stable_moment(
            bias_correct(second_moment(b2)),
            eps,
            numerator=bias_correct(scale_by_momentum(b1)),
            then=add_decayed_weights(weight_decay, mask),
        ),
        scale_by_learning_rate(learning_rate),
    )
