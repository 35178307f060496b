"""MARS: Adam, or Lion, on gradients with less variance.

c = g + γ·b1/(1−b1)·(g − g₋₁), of norm 1 at most    difference, clip_by_norm
θ ← θ − η · (Adam's direction of c + λ·θ)           scale_by_adam
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, derived
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.clipping.clip import clip_by_norm
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.difference import difference
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.identity import identity
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.transforms.scaling.sign import scale_by_sign
from adamx.types import Array, Scalar


def _corrected(gradient: Array, change: Array) -> Array:
    return gradient + change


def _weight(gamma: Scalar, b1: Scalar) -> Scalar:
    return gamma * b1 / (1 - b1)


def _with_less_variance(b1: Finite, gamma: Finite) -> Transform:
    change = chain(difference(from_zero=True), scale(derived(_weight, gamma, b1)))
    correction = fork(_corrected, gradient=identity(), change=change)
    return chain(correction, clip_by_norm(1.0))


@transform
def mars(
    learning_rate: Finite,
    b1: Decay = 0.95,
    b2: Decay = 0.99,
    gamma: NonNegative = 0.025,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    eps_hat: bool = False,
) -> Transform:
    """Run AdamW on gradients to which a multiple of their change is added.

    c = g + γ·b1/(1−b1)·(g − g₋₁), then c / max(1, ‖c‖), leaf by leaf
    u = −η · (Adam's direction of c + λ·θ)

    g₋₁ is the gradient of the last step, zero at first: the authors' `is_approx`. In
    the authors' code and in pytorch_optimizer parameters that are no matrices get plain
    AdamW with a rate of their own unless `optimize_1d`; here use `partition` for that.

    See `adam` and `adamw` for the other arguments.

    Args:
        learning_rate: η; 3e-3 in the paper.
        gamma: γ ≥ 0, how much of the change is added.
        eps_root: ε_root ≥ 0, inside the root; 1e-15 in pytorch_optimizer.
        weight_decay: λ.
        eps_hat: whether ε stands beside the uncorrected root, as in pytorch_optimizer.

    Returns:
        A transform that keeps `mu`, `nu` and `previous`, the last gradient.

    Reference:
        Yuan et al., "MARS: Unleashing the Power of Variance Reduction for Training
        Large Models", 2024, arXiv:2411.10438.

    Example:
        >>> import adamx
        >>> tx = adamx.mars(0.1)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        _with_less_variance(b1, gamma),
        scale_by_adam(b1, b2, eps, eps_root, eps_hat=eps_hat),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


@transform
def mars_lion(
    learning_rate: Finite,
    b1: Decay = 0.95,
    gamma: NonNegative = 0.025,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Step by the sign of the momentum of the gradients that `mars` makes.

    c as in `mars`,  μ ← b1·μ + (1−b1)·c
    u = −η · (sign(μ) + λ·θ)

    The authors call it MARS-Lion. Unlike Lion's, its sign is that of the average that
    it keeps.

    See `mars` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        b1: decay of the momentum, in [0, 1).
        weight_decay: λ.

    Returns:
        A transform that keeps `mu` and `previous`, the last gradient.

    Reference:
        Yuan et al., 2024, arXiv:2411.10438.

    Example:
        >>> import adamx
        >>> tx = adamx.mars_lion(0.1, b1=0.5)
        >>> state = tx.init(0.0)
        >>> for g in (3.0, -1.0):
        ...     updates, state = tx.update(g, state, 0.0)
        >>> round(float(updates), 6)  # −η · sign(0.25·1 + 0.5·(−1))
        0.1
    """
    return chain(
        _with_less_variance(b1, gamma),
        scale_by_momentum(b1),
        scale_by_sign(),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
