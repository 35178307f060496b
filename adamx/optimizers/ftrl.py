"""FTRL-Proximal: parameters that are zero where no gradient insists.

n ← n + g²,  z ← z + g − σ·θ                                 Ftrl
θ ← −sign(z)·max(|z| − λ₁, 0) / ((nᵖ + β)/η + 2·λ₂)
"""

from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.transforms.distance.ftrl import Ftrl


@transform
def ftrl(
    learning_rate: NonNegative,
    learning_rate_power: NonNegative = 0.5,
    initial_accumulator_value: float = 0.1,
    l1: NonNegative = 0.0,
    l2: NonNegative = 0.0,
    l2_shrinkage: NonNegative = 0.0,
    beta: NonNegative = 0.0,
    *,
    from_zero: bool = False,
) -> Ftrl:
    """Follow the regularized leader, in the proximal form for sparse linear models.

    n ← n + g²,  z ← z + g + 2·λₛ·θ − σ·θ,  σ the change of (nᵖ + β)/η
    θ + u = −sign(z)·max(|z| − λ₁, 0) / ((nᵖ + β)/η + 2·λ₂)

    Without λ₁ it is Adagrad with β + 2·λ₂·η for ε. z starts where θ is the leader, at
    −(nᵖ + β)/η·θ, which is 0 in the paper, where θ starts at 0. Keras and TensorFlow
    start z at 0 for any θ (`from_zero`): the first step leaves little of θ, and nothing
    where its gradient is 0. They also divide z, which is made of earlier η, by the η in
    use, so that parameters shrink with the rate; with a constant rate that is the same.

    Args:
        learning_rate: η ≥ 0.
        learning_rate_power: p ≥ 0; Keras writes −p.
        initial_accumulator_value: the first n, a number ≥ 0.
        l1: λ₁ ≥ 0; parameters with |z| ≤ λ₁ are exactly zero.
        l2: λ₂ ≥ 0, of a pull to zero that counts once, not in each step.
        l2_shrinkage: λₛ ≥ 0, of an L2 term that is added to the gradient.
        beta: β ≥ 0.
        from_zero: whether the first parameters count as zero.

    Returns:
        A transform that keeps `mean_sq`, the mean of g², and `dual`, z within ±λ₁.

    Reference:
        McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.ftrl(0.5, l1=5.0)
        >>> params = jnp.array([0.1, 0.1])
        >>> grads = jnp.array([4.0, 8.0])
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> params = adamx.apply_updates(params, updates)
        >>> [round(float(p), 4) for p in params]
        [0.0, -0.0874]
    """
    powers = learning_rate_power, initial_accumulator_value
    return Ftrl(learning_rate, *powers, l1, l2, l2_shrinkage, beta, from_zero)
