"""MoMo: momentum whose rate is as large as a model of the loss allows.

f̄, d, γ: averages of the losses, of the gradients g, and of ⟨g, θ⟩       Momo
τ = min(α, ((1+αλ)·(f̄ − f* − γ) + ⟨d, θ⟩)₊ / ‖d‖²)
θ ← (θ − τ·d) / (1 + αλ)
"""

from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.momo import DecayForm, Momo


@transform
def momo(
    learning_rate: NonNegative = 1.0,
    beta: Decay = 0.9,
    lower_bound: Finite = 0.0,
    weight_decay: NonNegative = 0.0,
    adapt_lower_bound: bool = False,
    *,
    bias_correction: bool = False,
    decay_form: DecayForm = "divided",
) -> Momo:
    """Step along the momentum as far as a model of the loss allows.

    With averages f̄ of the losses, d of the gradients g, γ of ⟨g, θ⟩, over all leaves:
    τ = min(α, max((1+α·λ)·(f̄ − f* − γ) + ⟨d, θ⟩, 0) / ‖d‖²)
    u = −(τ·d + α·λ·θ) / (1 + α·λ)

    If d is zero, so is τ; Optax's is zero if ‖d‖² ≤ 2.2e-16.

    Args:
        learning_rate: α ≥ 0, the largest τ; rather large.
        beta: b in [0, 1), the decay of all averages.
        lower_bound: f*, at most the least loss.
        weight_decay: λ ≥ 0.
        adapt_lower_bound: whether f* is estimated, from `lower_bound` upwards.
        bias_correction: whether averages start at 0 and are corrected, instead of
            starting with the first losses and gradients.
        decay_form: "divided" for (θ − τ·d)/(1 + α·λ), the authors', which minimizes
            the model with its decay; "beside" for θ/(1 + α·λ) − τ·d, Optax's; or
            "adamw" for (1 − α·λ)·θ − τ·d.

    Returns:
        A transform that keeps `mu` (d). Its update needs the parameters and `value`,
        the loss there.

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: Momentum Models for Adaptive
        Learning Rates", 2023, arXiv:2305.07583.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.momo()
        >>> params = jnp.array([1.0, 2.0])
        >>> value, grads = jnp.sum(params**2), 2 * params
        >>> updates, _ = tx.update(grads, tx.init(params), params, value=value)
        >>> [round(x, 6) for x in updates.tolist()]
        [-0.5, -1.0]
    """
    rest = adapt_lower_bound, bias_correction, decay_form
    return Momo(learning_rate, beta, lower_bound, weight_decay, *rest)
