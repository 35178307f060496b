"""NAdamW: NAdam with weight decay beside the adaptive step.

θ ← θ − η · (n / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.nadam import nadam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def nadamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    momentum_decay: NonNegative | None = None,
) -> Transform:
    """NAdam with decoupled weight decay.

    u = −η · (n / (√(ν̂ + ε_root) + ε) + λ·θ)

    Not NAdam on a loss with an L2 term: there the decay goes through the moments.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ, multiplied by the learning rate. The default is Optax's; it
            is 0 in PyTorch.
        mask: which parameters decay, as for `masked`; all by default.
        momentum_decay: ψ, as in `nadam`.

    Returns:
        The transform; its state is that of `nadam`, like the parameters and at least
        float32. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016; Loshchilov & Hutter,
        "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.nadamw(0.1, weight_decay=0.5)
        >>> params = jnp.array(2.0)
        >>> updates, state = tx.update(jnp.array(0.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        nadam(-1.0, b1, b2, eps, eps_root, momentum_decay=momentum_decay),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
