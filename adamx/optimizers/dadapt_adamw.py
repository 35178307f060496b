"""D-Adapted AdamW: AdamW whose rate is a lower bound of the distance to the minimum.

num ← √b2·num + (1−√b2)·ρ·⟨g, s/(√v + ε)⟩,  s ← √b2·s + (1−√b2)·ρ·g
d ← max(d, num / ((1−√b2)·‖s‖₁))                     DAdaptAdam
θ ← θ − m / (√v + ε), with a moving average m of ρ·g, ρ = η·d, bias-corrected
"""

from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.prodigy import DAdaptAdam


@transform
def dadapt_adamw(
    learning_rate: NonNegative = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
) -> DAdaptAdam:
    """Run AdamW with a rate that is estimated while it trains: D-Adaptation.

    ρ = η·d·√(1−b2ᵗ)/(1−b1ᵗ)
    m ← b1·m + (1−b1)·ρ·g,  v ← b2·v + (1−b2)·g²
    num ← √b2·num + (1−√b2)·ρ·⟨g, s/(√v₋₁ + ε)⟩,  s ← √b2·s + (1−√b2)·ρ·g
    d ← max(d, num / ((1−√b2)·‖s‖₁)),  u = −m / (√v + ε) − ρ·λ·θ

    The d in ρ is the one before the step, as in dadaptation with `use_bias_correction`
    and `decouple`. `prodigy` finds its rate faster. Optax takes the decays as a pair.

    See `adam` and `prodigy` for the other arguments.

    Returns:
        A transform that keeps `mu`, `nu`, `s` and the scalar `estim_lr` (d).

    Reference:
        Defazio & Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023,
        arXiv:2301.07733.

    Example:
        >>> import adamx
        >>> tx = adamx.dadapt_adamw(estim_lr0=0.1)
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 5)
        -0.1
    """
    return DAdaptAdam(learning_rate, b1, b2, eps, estim_lr0, weight_decay)
