"""MoMo-Adam: Adam whose rate is as large as a model of the loss allows.

D = √ν̂ + ε; f̄, d, γ: averages of losses, gradients g, ⟨g, θ⟩       scale_by_momo_adam
τ = min(α, ((1+αλ)·(f̄ − f* − γ) + ⟨d, θ⟩)₊ / ⟨d, d/D⟩)
θ ← (θ − τ·d/D) / (1 + αλ)
"""

from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.distance.momentum_model import scale_by_momo_adam


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
    decay_form: str = "divided",
) -> Transform:
    """Adam with a rate that the loss says, and a bound of both.

    D = √ν̂ + ε, and with bias-corrected averages f̄ of the losses, d of the gradients g,
    γ of ⟨g, θ⟩, over all leaves:
    τ = min(α, max((1+α·λ)·(f̄ − f* − γ) + ⟨d, θ⟩, 0) / ⟨d, d/D⟩)
    u = −(τ·d/D + α·λ·θ) / (1 + α·λ)

    The paper corrects τ instead of the averages, which is the same. Where d is zero so
    is τ; Optax's is where ⟨d, d/D⟩ ≤ 2.2e-16.

    Args:
        learning_rate: α ≥ 0, the largest τ, a number, traced scalar or schedule.
        b1: decay of the averages of losses, gradients and products, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0.
        lower_bound: f*, no more than the least loss.
        weight_decay: λ ≥ 0, a number, traced scalar or schedule.
        adapt_lower_bound: whether f* is estimated, from `lower_bound` upwards.
        decay_form: "divided" for (θ − τ·d/D)/(1 + α·λ), the authors'; "beside" for
            θ/(1 + α·λ) − τ·d/D, Optax's; or "adamw" for (1 − α·λ)·θ − τ·d/D, the
            authors' with `divide=False`.

    Returns:
        The transform; its state is that of `scale_by_momo_adam`. Its update needs the
        parameters, and `value`, the loss at the parameters, a scalar.

    Raises:
        TransformError: a hyperparameter is outside its interval, or the form of decay
            is unknown; (when used) `update` is called without `value`.

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: Momentum Models for Adaptive
        Learning Rates", 2023, arXiv:2305.07583.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.momo_adam()
        >>> params = jnp.array([1.0, 2.0])
        >>> value, grads = jnp.sum(params**2), 2 * params
        >>> updates, _ = tx.update(grads, tx.init(params), params, value=value)
        >>> [round(x, 6) for x in updates.tolist()]
        [-0.01, -0.01]
    """
    base = learning_rate, b1, b2, eps, lower_bound, weight_decay, adapt_lower_bound
    return scale_by_momo_adam(*base, decay_form=decay_form)
