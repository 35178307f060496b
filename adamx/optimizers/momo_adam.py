"""MoMo-Adam: Adam whose rate is as large as a model of the loss allows.

D = √ν̂ + ε; f̄, d, γ: averages of losses, gradients g, ⟨g, θ⟩       MomoAdam
τ = min(α, ((1+αλ)·(f̄ − f* − γ) + ⟨d, θ⟩)₊ / ⟨d, d/D⟩)
θ ← (θ − τ·d/D) / (1 + αλ)
"""

from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.momo import DecayForm, MomoAdam


@transform
def momo_adam(
    learning_rate: NonNegative = 1e-2,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    lower_bound: Finite = 0.0,
    weight_decay: NonNegative = 0.0,
    adapt_lower_bound: bool = False,
    *,
    decay_form: DecayForm = "divided",
) -> MomoAdam:
    """Step along Adam's direction as far as a model of the loss allows.

    D = √ν̂ + ε, and with bias-corrected averages f̄ of the losses, d of the gradients
    g, γ of ⟨g, θ⟩, over all leaves:
    τ = min(α, max((1+α·λ)·(f̄ − f* − γ) + ⟨d, θ⟩, 0) / ⟨d, d/D⟩)
    u = −(τ·d/D + α·λ·θ) / (1 + α·λ)

    The paper corrects τ instead of the averages, which is the same. If d is zero, so is
    τ; Optax's is zero if ⟨d, d/D⟩ ≤ 2.2e-16.

    See `momo` for the other arguments.

    Args:
        b1: decay of the averages of losses, gradients and products, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0.
        decay_form: as for `momo`, with d/D for d; "adamw" is the authors'
            `divide=False`.

    Returns:
        A transform that keeps `mu` (d) and `nu`. Its update needs the parameters and
        `value`, the loss there.

    Reference:
        Schaipp et al., 2023, arXiv:2305.07583, algorithm 2.

    Example:
        >>> import adamx
        >>> tx = adamx.momo_adam(1.0)
        >>> updates, state = tx.update(4.0, tx.init(2.0), 2.0, value=4.0)  # of θ²
        >>> round(float(updates), 6)
        -1.0
    """
    rest = adapt_lower_bound, True, decay_form
    return MomoAdam(learning_rate, b1, lower_bound, weight_decay, *rest, b2, eps)
