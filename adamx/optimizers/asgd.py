"""ASGD: gradient descent whose parameters are averaged.

η(t) = η / (1 + λ·η·t)^α
θ ← θ − η(t)·(g + λ·θ)                add_decayed_weights, scale_by_learning_rate
a ← a + (θ − a) / max(1, t − t₀)      average_params
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative, Schedule, derived
from adamx.numerics.dtypes import scalar_dtype
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.momentum.average import average_params
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.types import Array, Scalar


def _falling(learning_rate: Scalar, lambd: Scalar, alpha: Scalar, t: Array) -> Scalar:
    return learning_rate / (1 + lambd * learning_rate * t) ** alpha


def _steps(count: Array) -> Array:
    return count.astype(scalar_dtype())


@transform
def asgd(
    learning_rate: NonNegative = 1e-2,
    lambd: NonNegative = 1e-4,
    alpha: NonNegative = 0.75,
    t0: int = 1_000_000,
    weight_decay: Finite = 0.0,
) -> Transform:
    """Descend with a slowly falling rate, and average the parameters.

    u = −η(t)·(g + (λ + λ₂)·θ),  η(t) = η / (1 + λ·η·t)^α,  with t from 0
    a ← a + (θ − a) / max(1, t − t₀)

    Evaluate the average: `averaged_params(state, params)`. For the first t₀ steps it is
    θ itself; with PyTorch's default that is for a million.

    Args:
        learning_rate: η ≥ 0.
        lambd: λ ≥ 0, a decay of the parameters, and how fast the rate falls.
        alpha: α ≥ 0, the power with which it falls.
        t0: t₀, an integer: the step in which averaging starts.
        weight_decay: λ₂ of an L2 term, which does not count in the rate.

    Returns:
        A transform that keeps `average`.

    Reference:
        Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging",
        1992; the rate is that of Xu, "Towards Optimal One Pass Large Scale Learning
        with Averaged Stochastic Gradient Descent", 2011, arXiv:1107.2490.

    Example:
        >>> import adamx
        >>> tx = adamx.asgd(0.5, lambd=0.0, t0=0)
        >>> params, state = 3.0, tx.init(3.0)
        >>> for _ in range(3):
        ...     updates, state = tx.update(1.0, state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> float(params), float(adamx.averaged_params(state, params))
        (1.5, 1.75)
    """
    falling = derived(_falling, learning_rate, lambd, alpha, Schedule(_steps))
    return chain(
        add_decayed_weights(weight_decay),
        add_decayed_weights(lambd),
        scale_by_learning_rate(falling),
        average_params(start_step=t0 + 1),
    )
