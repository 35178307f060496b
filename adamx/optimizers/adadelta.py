"""Adadelta: steps as large as the last ones were.

ν ← ρ·ν + (1−ρ)·g²
d = g · √(δ + ε) / √(ν + ε)    scale_by_adadelta
δ ← ρ·δ + (1−ρ)·d²
θ ← θ − η·d
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.adadelta import scale_by_adadelta
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def adadelta(
    learning_rate: Finite = 1.0,
    rho: Decay = 0.9,
    eps: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
) -> Transform:
    """Scale the gradient by the ratio of past updates to past gradients.

    ν ← ρ·ν + (1−ρ)·g²,  d = g · √(δ + ε) / √(ν + ε),  δ ← ρ·δ + (1−ρ)·d²
    u = −η·d

    The paper has no learning rate: η = 1, as in PyTorch; in Keras it is 0.001. δ is
    the mean square of d, not of η·d.

    Args:
        learning_rate: η.
        rho: ρ in [0, 1); 0.9 in PyTorch and Optax, 0.95 in Keras and the paper.
        eps: ε ≥ 0; 1e-6 in PyTorch, Optax and the paper, 1e-7 in Keras.
        weight_decay: λ: λ·θ is added to the gradient first (L2).
        weight_decay_mask: which parameters decay; all by default.

    Reference:
        Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv:1212.5701.

    Example:
        >>> import adamx
        >>> tx = adamx.adadelta(rho=0.75, eps=1.0)
        >>> updates, state = tx.update(2.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)
        -1.414214
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )
