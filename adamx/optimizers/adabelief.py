"""AdaBelief: Adam that divides by how far gradients are from what was expected.

μ ← b1·μ + (1−b1)·g            scale_by_momentum
ν ← b2·ν + (1−b2)·(g−μ)² + ε_root    fed, second_moment
θ ← θ − η · μ̂ / (√ν̂ + ε)       RootRatio
"""

from adamx.core.chain import chain
from adamx.core.fork import fed, fork
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
    """AdaBelief's direction, without sign and learning rate.

    u = μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ)) + ε)

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step; see `adabelief`.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and the `response` of each moment.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in
        Observed Gradients", 2020, arXiv:2010.07468.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_belief(b1=0.5)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
        >>> round(float(updates), 6)  # 3 / √(3 − 1.5)²
        2.0
    """
    return belief_ratio(b1, b2, eps, eps_root, past=False)


def belief_ratio(
    b1: Decay, b2: Decay, eps: NonNegative, eps_root: NonNegative, past: bool
) -> Transform:
    """Momentum over the root of the moment around it, or g over that of the past."""
    momentum = scale_by_momentum(b1)
    corrected = fed(_momentum, scale_by_response(momentum, -1.0))
    centred = fork(
        RootRatio(eps, derived(_added_up, eps_root, b2)),
        momentum=momentum,
        numerator=identity() if past else corrected,
        moment=fed(_surprise, bias_correct(second_moment(b2, past=past))),
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
    """Adapt the step to the belief in the gradient: large where g is near its average.

    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·(g − μ)² + ε_root
    u = −η · μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ)) + ε)

    As in the paper, adabelief-pytorch and Optax, ε_root is added up in ν. What it
    adds to ν/(1−b2ᵗ) is ε_root/(1−b2), always the same, and is computed so; the state
    is without it. Not Adam's ν, which is around zero; nor RMSProp's centered one,
    which is around the mean before the step.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step. In adabelief-pytorch it is the
            same number as ε.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in
        Observed Gradients", 2020, arXiv:2010.07468.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adabelief(0.1, b1=0.5)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params))
        >>> round(float(updates), 6)  # −η · 3 / √(3 − 1.5)²
        -0.2
    """
    return chain(
        scale_by_belief(b1, b2, eps, eps_root), scale_by_learning_rate(learning_rate)
    )
