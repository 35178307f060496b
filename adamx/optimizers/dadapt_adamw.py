"""D-Adapted AdamW: AdamW whose rate is a lower bound of the distance to the minimum.

num ← √b2·num + (1−√b2)·ρ·⟨g, s/(√v + ε)⟩,  s ← √b2·s + (1−√b2)·ρ·g
d ← max(d, num / ((1−√b2)·‖s‖₁))                     scale_by_dadapt_adam
θ ← θ − m / (√v + ε), with a moving average m of ρ·g, ρ = η·d, bias-corrected
"""

from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.estimated_distance import scale_by_dadapt_adam


@transform
def dadapt_adamw(
    learning_rate: NonNegative = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
) -> Transform:
    """AdamW with D-Adaptation instead of a learning rate to tune.

    ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ)
    m ← b1·m + (1−b1)·ρ·g,  v ← b2·v + (1−b2)·g²
    num ← √b2·num + (1−√b2)·ρ·⟨g, s/(√v₋₁ + ε)⟩,  s ← √b2·s + (1−√b2)·ρ·g
    d ← max(d, num / ((1−√b2)·‖s‖₁)),  u = −m / (√v + ε) − ρ·λ·θ

    The d in ρ is the one before the step, as in dadaptation with `use_bias_correction`
    and `decouple`. `prodigy` finds its rate faster. Optax takes the decays as a pair.

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule; 1 at its highest.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0.
        estim_lr0: the first d, > 0; too small is right.
        weight_decay: λ, a finite number, traced scalar or schedule.

    Returns:
        The transform; its state is `mu`, `nu` and `s`, like the parameters and at least
        float32, and a few scalars, among them `estim_lr` (d). It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Defazio & Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023,
        arXiv:2301.07733.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dadapt_adamw(estim_lr0=0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    return scale_by_dadapt_adam(learning_rate, b1, b2, eps, estim_lr0, weight_decay)
