"""FTRL-proximal: parameters that are zero where no gradient insists.

n ← n + g²,  z ← z + g − (nᵖ − n₋₁ᵖ)/η · θ                   scale_by_ftrl
θ ← −sign(z)·max(|z| − λ₁, 0) / ((β + nᵖ)/η + 2·λ₂)
"""

from adamx.core.hyper import NonNegative
from adamx.core.transform import Transform, transform
from adamx.transforms.ftrl import scale_by_ftrl


@transform
def ftrl(
    learning_rate: NonNegative,
    learning_rate_power: NonNegative = 0.5,
    initial_accumulator_value: float = 0.1,
    l1: NonNegative = 0.0,
    l2: NonNegative = 0.0,
    l2_shrinkage: NonNegative = 0.0,
    beta: NonNegative = 0.0,
) -> Transform:
    """Follow the regularized leader, in the proximal form for sparse linear models.

    n ← n₋₁ + g²,  z ← z + g + 2·λₛ·θ − (nᵖ − n₋₁ᵖ)/η · θ
    θ + u = −sign(z)·max(|z| − λ₁, 0) / ((β + nᵖ)/η + 2·λ₂)

    The parameters are a function of z alone: those that training began with are
    forgotten in the first step, as in Keras and TensorFlow. With p = ½ and no
    regularization, from θ = 0, it takes Adagrad's steps.

    Args:
        learning_rate: η > 0, a number, traced scalar or schedule.
        learning_rate_power: p ≥ 0; Keras writes −p.
        initial_accumulator_value: the n to begin with, a number ≥ 0.
        l1: λ₁ ≥ 0; parameters whose |z| is less are exactly zero.
        l2: λ₂ ≥ 0.
        l2_shrinkage: λₛ ≥ 0, of an L2 term that is added to the gradient.
        beta: β ≥ 0.

    Returns:
        The transform; its state is `mean_sq`, the mean of g², `mean_linear`, that
        of what makes up z + nᵖ/η·θ, and `previous`, θ/η, like the parameters and at
        least float32, and a `count`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is negative.

    Reference:
        McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.ftrl(0.5, l1=5.0)
        >>> params = jnp.zeros(2)
        >>> updates, state = tx.update(jnp.array([4.0, 8.0]), tx.init(params), params)
        >>> [round(float(u), 4) for u in updates]
        [0.0, -0.1874]
    """
    regularized = l1, l2, l2_shrinkage, beta
    powers = learning_rate_power, initial_accumulator_value
    return scale_by_ftrl(learning_rate, *powers, *regularized)
