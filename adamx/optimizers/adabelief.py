"""AdaBelief: Adam that divides by how far gradients are from what was expected.

μ ← b1·μ + (1−b1)·g            scale_by_momentum
ν ← b2·ν + (1−b2)·(g−μ)² + ε_root    with_input, second_moment
θ ← θ − η · μ̂ / (√ν̂ + ε)       RootRatio
"""

from adamx.core.chain import chain
from adamx.core.fork import fork, with_input
from adamx.core.ratio import RootRatio, bounded
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, derived
from adamx.transforms.moments.bias_correct import bias_correct, scale_by_response
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.identity import identity
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.types import Array, Scalar


def _surprise(updates: Array, momentum: Array) -> Array:
    return updates - momentum


def _momentum(momentum: Array) -> Array:
    return momentum


def _added_up(eps_root: Scalar, b2: Scalar) -> Scalar:
    return eps_root / (1 - b2)


@transform
def scale_by_belief(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-16,
    eps_root: NonNegative = 1e-16,
) -> Transform:
    """Divide the average by the root of the moment around it.

    u = μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ)) + ε)

    This is the direction of `adabelief`.

    Args:
        b1: decay of the average, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step. adabelief-pytorch uses one number
            for ε and ε_root.

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_belief(b1=0.5)
        >>> updates, state = tx.update(3.0, tx.init(0.0))
        >>> round(float(updates), 6)  # 3 / √(3 − 1.5)²
        2.0
    """
    return belief_ratio(b1, b2, eps, eps_root, past=False)


def belief_ratio(
    b1: Decay, b2: Decay, eps: NonNegative, eps_root: NonNegative, past: bool
) -> Transform:
    """Return the ratio for AdaBelief, or for ACProp if `past`."""
    momentum = scale_by_momentum(b1)
    corrected = with_input(_momentum, scale_by_response(momentum, -1.0))
    centred = fork(
        RootRatio(eps, derived(_added_up, eps_root, b2)),
        momentum=momentum,
        numerator=identity() if past else corrected,
        moment=with_input(_surprise, bias_correct(second_moment(b2, past=past))),
    )
    return chain(bounded(None), centred)


@transform
def adabelief(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-16,
    eps_root: NonNegative = 1e-16,
) -> Transform:
    """Take large steps where the gradient is near its average, small ones elsewhere.

    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·(g − μ)² + ε_root
    u = −η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ)) + ε)

    ε_root accumulates in ν, as in the paper, adabelief-pytorch and Optax. Its part of
    ν/(1−b2ᵗ) is the constant ε_root/(1−b2), which is added when the root is taken; the
    state does not have it. Adam's ν is around zero, and that of centered RMSProp is
    around the mean before the step.

    See `scale_by_belief` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in
        Observed Gradients", 2020, arXiv:2010.07468.

    Example:
        >>> import adamx
        >>> tx = adamx.adabelief(0.1, b1=0.5)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 6)  # −η · 3 / √(3 − 1.5)²
        -0.2
    """
    return chain(
        scale_by_belief(b1, b2, eps, eps_root), scale_by_learning_rate(learning_rate)
    )
