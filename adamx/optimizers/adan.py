"""Adan: Nesterov's momentum, with moments of the gradient and of its change.

δ = g − g₋₁                                    difference
μ ← b1·μ + (1−b1)·g,  d ← b2·d + (1−b2)·δ      scale_by_momentum
ν ← b3·ν + (1−b3)·(g + b2·δ)²                  second_moment
θ ← (θ − η · (μ̂ + b2·d̂) / (√ν̂ + ε)) / (1 + η·λ)
"""

from adamx.core.chain import chain
from adamx.core.fork import fork, with_input
from adamx.core.ratio import RootRatio, bounded
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.decay.proximal_decay import add_proximal_decay
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.momentum.difference import difference
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.types import Array


def _change(change: Array) -> Array:
    return change


def _ahead(updates: Array, ahead: Array) -> Array:
    return updates + ahead


def _momenta(gradient: Array, drift: Array) -> Array:
    return gradient + drift


def direction(
    b1: Decay,
    b2: Decay,
    b3: Decay,
    eps: NonNegative,
    eps_root: NonNegative,
    weight: Decay,
) -> Transform:
    """Return Adan's direction, with `weight` times the change in both moments."""
    ratio = fork(
        RootRatio(eps, eps_root),
        change=difference(),
        ahead=with_input(_change, scale(weight)),
        gradient=bias_correct(scale_by_momentum(b1)),
        drift=with_input(
            _change, chain(bias_correct(scale_by_momentum(b2)), scale(weight))
        ),
        numerator=with_input(_momenta),
        moment=with_input(_ahead, bias_correct(second_moment(b3))),
    )
    return chain(bounded(None), ratio)


@transform
def scale_by_adan(
    b1: Decay = 0.98,
    b2: Decay = 0.92,
    b3: Decay = 0.99,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
) -> Transform:
    """Divide an average that looks ahead by the root of a moment that does too.

    u = (μ̂ + b2·d̂) / (√(ν̂ + ε_root) + ε)

    This is the direction of `adan`.

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the average change, in [0, 1), and the weight of the change.
        b3: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root: Optax's default. The authors have 0.

    Returns:
        A transform that keeps `mu` of the gradients and of their changes, `nu`, and
        `previous`, the last gradient.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_adan(0.5, 0.5, 0.5)
        >>> _, state = tx.update(1.0, tx.init(0.0))
        >>> updates, state = tx.update(2.0, state)
        >>> round(float(updates), 6)  # (1.25 + 0.5·0.5) / √3.375, over √0.75
        0.942809
    """
    return direction(b1, b2, b3, eps, eps_root, b2)


@transform
def adan(
    learning_rate: NonNegative,
    b1: Decay = 0.98,
    b2: Decay = 0.92,
    b3: Decay = 0.99,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 1e-8,
    weight_decay: NonNegative = 0.0,
    mask: Labels | None = None,
    *,
    proximal: bool = True,
) -> Transform:
    """Estimate Nesterov's look ahead in both moments of Adam.

    δ = g − g₋₁ (zero at first),  μ ← b1·μ + (1−b1)·g,  d ← b2·d + (1−b2)·δ,
    ν ← b3·ν + (1−b3)·(g + b2·δ)², all bias-corrected
    u = −η · (μ̂ + b2·d̂) / (√(ν̂ + ε_root) + ε);  θ ← (θ + u) / (1 + η·λ)

    The decays are the share of the past, as in the authors' code; the paper writes the
    share of the new. Optax's `adan` has 1−b2 where the authors have b2 (it takes the
    paper's formula at its word) and so emits other updates.

    See `scale_by_adan` for the other arguments.

    Args:
        learning_rate: η ≥ 0.
        weight_decay: λ ≥ 0.
        mask: which parameters decay; all by default.
        proximal: whether the decay is taken after the step, as above. Otherwise it is
            AdamW's, u − η·λ·θ: the authors' `no_prox`.

    Reference:
        Xie et al., "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing
        Deep Models", 2022, arXiv:2208.06677.

    Example:
        >>> import adamx
        >>> tx = adamx.adan(0.1, weight_decay=0.5)
        >>> params = 2.1
        >>> updates, state = tx.update(0.0, tx.init(params), params)
        >>> round(params + float(updates), 6)  # 2.1 / (1 + η·λ)
        2.0
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        chain() if proximal else add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
        add_proximal_decay(learning_rate, weight_decay, mask) if proximal else chain(),
    )
