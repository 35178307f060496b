"""AdEMAMix: Adam with a second, much slower average of the gradients.

μ ← b1·μ + (1−b1)·g,  s ← b3·s + (1−b3)·g      scale_by_momentum, twice
ν ← b2·ν + (1−b2)·g²                           second_moment
θ ← θ − η · ((μ̂ + α·s) / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.types import Array


def _mixed(fast: Array, slow: Array) -> Array:
    return fast + slow


@transform
def ademamix(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    b3: Decay = 0.9999,
    alpha: Finite = 5.0,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Add a slow average of the gradients to the fast one of Adam.

    μ ← b1·μ + (1−b1)·g,  s ← b3·s + (1−b3)·g,  ν ← b2·ν + (1−b2)·g²
    u = −η · ((μ/(1−b1ᵗ) + α·s) / (√(ν/(1−b2ᵗ) + ε_root) + ε) + λ·θ)

    The slow average has no bias correction, as in the paper: it starts at zero and
    counts little in the first 1/(1−b3) steps. The paper lets α and b3 grow: give
    schedules. They see the number of steps before; the authors' code and
    pytorch_optimizer count the present step too.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        b3: decay of the slow average, in [0, 1).
        alpha: α, the weight of the slow average.
        weight_decay: λ.

    Returns:
        A transform that keeps `mu` twice, for μ and s, and `nu`.

    Reference:
        Pagliardini, Ablin & Grangier, "The AdEMAMix Optimizer: Better, Faster, Older",
        2024, arXiv:2409.03137.

    Example:
        >>> import adamx
        >>> tx = adamx.ademamix(0.1, b3=0.75, alpha=2.0)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)  # −0.1 · (1 + 2 · 0.25)
        -0.15
    """
    numerator = fork(
        _mixed,
        fast=bias_correct(scale_by_momentum(b1)),
        slow=chain(scale_by_momentum(b3), scale(alpha)),
    )
    moment = bias_correct(second_moment(b2))
    return chain(
        scale_by_second_moment(moment, eps, eps_root, numerator=numerator),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
