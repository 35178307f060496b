"""AdamW: Adam with weight decay beside the adaptive step instead of inside it.

θ ← θ − η · (μ̂ / (√ν̂ + ε) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def adamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    eps_hat: bool = False,
) -> Transform:
    """Adam with decoupled weight decay.

    u = −η · (μ̂ / (√(ν̂ + ε_root) + ε) + λ·θ)

    Not Adam on a loss with an L2 term: there the decay goes through the moments. As in
    PyTorch, λ is multiplied by the learning rate; in the paper it is not.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ. The default is Optax's; PyTorch's is 1e-2, Keras's 4e-3.
        mask: which parameters decay, as for `masked`; all by default.
        eps_hat: as in `adam`.

    Returns:
        The transform; its state is that of `adam`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019,
        arXiv:1711.05101.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adamw(0.1, weight_decay=0.5)
        >>> params = jnp.array(2.0)
        >>> updates, state = tx.update(jnp.array(0.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, eps_hat=eps_hat),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
