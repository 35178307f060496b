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
    """ACProp's direction, without sign and learning rate.

    u = g / (√(ν/(1−b2ᵗ⁻¹)) + ε), with ν before this step, and 0 in the first

    Args:
        b1: decay of the average that ν is around, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step; see `adabelief`.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zhuang et al., "Momentum Centering and Asynchronous Update for Adaptive
        Gradient Methods", 2021, arXiv:2110.05454.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_acprop(b1=0.5)
        >>> first, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> second, state = tx.update(jnp.array(4.0), state)
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
    """Divide the gradient by how far those before it were from what was expected.

    μ ← b1·μ + (1−b1)·g,  u = −η · (g / (√(ν/(1−b2ᵗ⁻¹)) + ε) + λ·θ),
    and then ν ← b2·ν + (1−b2)·(g − μ)² + ε_root

    The first step, which has nothing to divide by, moves nothing (but the decay).
    Optax takes the gradient as it is there, and centres ν on the μ before the step:
    since g − μ₋₁ = (g − μ)/b1, its root is 1/b1 times as large as this, the paper's.
    Not ADOPT, whose moment is around zero, and which averages what it has divided.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the average that ν is around, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, added to ν in each step; see `adabelief`.
        weight_decay: λ, a finite number, traced scalar or schedule.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is `mu` and `nu`, like the parameters and at least
        float32, and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Zhuang et al., "Momentum Centering and Asynchronous Update for Adaptive
        Gradient Methods", 2021, arXiv:2110.05454.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.acprop(0.1, b1=0.5)
        >>> params = jnp.array(1.0)
        >>> first, state = tx.update(jnp.array(4.0), tx.init(params), params)
        >>> second, state = tx.update(jnp.array(4.0), state, params)
        >>> abs(float(first)), round(float(second), 6)
        (0.0, -0.2)
    """
    return chain(
        scale_by_acprop(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
