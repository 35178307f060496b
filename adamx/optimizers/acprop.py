"""ACProp: AdaBelief's denominator as it was before the gradient it divides.

μ ← b1·μ + (1−b1)·g                     scale_by_momentum
θ ← θ − η · g / (√ν̂ + ε)                second_moment(past=True), belief_ratio
ν ← b2·ν + (1−b2)·(g−μ)² + ε_root
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adabelief import belief_ratio
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_acprop(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-16,
    eps_root: NonNegative = 1e-16,
) -> Transform:
    """Divide by the root of the moment around the average, as it was before the step.

    u = g / (√(ν/(1−b2ᵗ⁻¹)) + ε), with ν before this step, and 0 in the first
    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·(g − μ)² + ε_root

    This is the direction of `acprop`.

    Args:
        b1: decay of the average that ν is around, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step; see `adabelief`.

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_acprop(b1=0.5)
        >>> first, state = tx.update(4.0, tx.init(0.0))
        >>> second, state = tx.update(4.0, state)
        >>> float(first), round(float(second), 6)  # 4 / √(4 − 2)²
        (0.0, 2.0)
    """
    return belief_ratio(b1, b2, eps, eps_root, past=True)


@transform
def acprop(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-16,
    eps_root: NonNegative = 1e-16,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Divide the gradient by how much earlier ones varied around their average.

    u = −η · (g / (√(ν/(1−b2ᵗ⁻¹)) + ε) + λ·θ), with the ν of `scale_by_acprop`

    The first step has no ν yet: u is 0, except for the decay. Optax also leaves the
    gradient as it is, but centers ν on the μ before the step. Because g − μ₋₁ =
    (g − μ)/b1, its root is 1/b1 times as large as this one, which is the paper's. ADOPT
    has a moment around zero, and averages the quotients.

    See `scale_by_acprop` and `adamw` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ.

    Reference:
        Zhuang et al., "Momentum Centering and Asynchronous Update for Adaptive
        Gradient Methods", 2021, arXiv:2110.05454.

    Example:
        >>> import adamx
        >>> tx = adamx.acprop(0.1, b1=0.5)
        >>> first, state = tx.update(4.0, tx.init(1.0), 1.0)
        >>> second, state = tx.update(4.0, state, 1.0)
        >>> abs(float(first)), round(float(second), 6)
        (0.0, -0.2)
    """
    return chain(
        scale_by_acprop(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
