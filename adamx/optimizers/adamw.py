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
    """Add decoupled weight decay to Adam.

    u = −η · (μ̂ / (√(ν̂ + ε_root) + ε) + λ·θ)

    Adam on a loss with an L2 term is something else: there the decay goes through the
    moments. As in PyTorch, λ is multiplied by the learning rate, unlike in the paper.

    See `adam` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ. The default is Optax's; PyTorch's is 1e-2, Keras's 4e-3.
        mask: which parameters decay; all by default.

    Reference:
        Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019,
        arXiv:1711.05101.

    Example:
        >>> import adamx
        >>> tx = adamx.adamw(0.1, weight_decay=0.5, mask={"w": True, "b": False})
        >>> params, grads = {"w": 2.0, "b": 2.0}, {"w": 0.0, "b": 0.0}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> round(float(updates["w"]), 6), abs(float(updates["b"]))
        (-0.1, 0.0)
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, eps_hat=eps_hat),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
