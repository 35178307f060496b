"""Prodigy: Adam whose rate is how far the minimum is, as far as one can know.

num ← b3·num + w·⟨g, θ₀ − θ⟩,  s ← b3·s + w·g       scale_by_prodigy
d ← max(d, num / ‖s‖₁)
θ ← θ − η·d · m / (√v + d·ε), with Adam's moments of d·g, bias-corrected
"""

from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.estimated_distance import scale_by_prodigy


@transform
def prodigy(
    learning_rate: NonNegative = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    b3: Decay | None = None,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    estim_lr_coef: NonNegative = 1.0,
    weight_decay: Finite = 0.0,
    safeguard_warmup: bool = False,
) -> Transform:
    """AdamW that finds its learning rate while it trains.

    ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ),  w = d/d₀·ρ
    num ← b3·num + w·⟨g, θ₀ − θ⟩,  s ← b3·s + w·g,  d ← max(d, c·num/‖s‖₁)
    m ← b1·m + (1−b1)·d·g,  v ← b2·v + (1−b2)·(d·g)²
    u = −ρ · (m / (√v + d·ε) + λ·θ)

    The d in ρ and in the moments is the one before the step, that beside ε the one
    after, as in prodigyopt with `use_bias_correction`. Give `learning_rate` a schedule
    that falls from 1 to 0. Optax takes the decays as pairs: `betas`, `beta3`.

    Args:
        learning_rate: η ≥ 0, a number, traced scalar or schedule; 1 at its highest.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        b3: decay of the sums that d is estimated from, in [0, 1); √b2 by default.
        eps: ε ≥ 0.
        estim_lr0: d₀ > 0, the first d; too small is right.
        estim_lr_coef: c ≥ 0, how bold the estimate is.
        weight_decay: λ, a finite number, traced scalar or schedule.
        safeguard_warmup: whether η has no weight in s, for long warm-ups.

    Returns:
        The transform; its state is `mu`, `nu`, `s` and `x0` (θ₀), like the parameters
        and at least float32, and a few scalars, among them `estim_lr` (d). It needs the
        parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Mishchenko & Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free
        Learner", 2023, arXiv:2306.06101.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.prodigy(estim_lr0=0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    rates, decays = (estim_lr0, estim_lr_coef), (b1, b2, b3)
    rest = weight_decay, safeguard_warmup
    return scale_by_prodigy(learning_rate, *decays, eps, *rates, *rest)
