"""Prodigy: Adam whose rate is an estimate of the distance to the minimum.

num ← b3·num + w·⟨g, θ₀ − θ⟩,  s ← b3·s + w·g       Prodigy
d ← max(d, num / ‖s‖₁)
θ ← θ − η·d · m / (√v + d·ε), with Adam's moments of d·g, bias-corrected
"""

from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.prodigy import Prodigy


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
) -> Prodigy:
    """Run AdamW with a rate that is estimated while it trains: Prodigy.

    ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ),  w = d/d₀·ρ
    num ← b3·num + w·⟨g, θ₀ − θ⟩,  s ← b3·s + w·g,  d ← max(d, c·num/‖s‖₁)
    m ← b1·m + (1−b1)·d·g,  v ← b2·v + (1−b2)·(d·g)²
    u = −ρ · (m / (√v + d·ε) + λ·θ), with d and its sums over all leaves

    The d in ρ and in the moments is the one before the step, and the d beside ε the one
    after it, as in prodigyopt with `use_bias_correction`. Give `learning_rate` a
    schedule that falls from 1 to 0. Optax takes the decays as pairs: `betas`, `beta3`.

    See `adam` for the other arguments.

    Args:
        learning_rate: η ≥ 0; 1 at its highest.
        b3: decay of the sums that d is estimated from, in [0, 1); √b2 by default.
        estim_lr0: d₀ > 0, the first d, which should be too small.
        estim_lr_coef: c ≥ 0, a factor of the estimate.
        weight_decay: λ.
        safeguard_warmup: whether η has no weight in s, for long warm-ups.

    Returns:
        A transform that keeps `mu`, `nu`, `s`, `x0` (θ₀) and the scalar `estim_lr` (d).

    Reference:
        Mishchenko & Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free
        Learner", 2023, arXiv:2306.06101.

    Example:
        >>> import adamx
        >>> tx = adamx.prodigy()
        >>> params, state = 1.0, tx.init(1.0)
        >>> for _ in range(100):
        ...     updates, state = tx.update(2 * params, state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> bool(abs(params) < 0.1), bool(adamx.find(state, "estim_lr") > 0.1)
        (True, True)
    """
    base = learning_rate, b1, b2, eps, estim_lr0, weight_decay
    return Prodigy(*base, b3, estim_lr_coef, safeguard_warmup)
