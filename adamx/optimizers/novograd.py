"""NovoGrad: momentum of gradients that are normalized leaf by leaf.

ν ← b2·ν + (1−b2)·‖g‖²                         scale_by_moving_norm
t ← b1·t + g / (√ν + ε) + λ·θ                  add_decayed_weights, trace
θ ← θ − η·t
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.moving_norm import scale_by_moving_norm
from adamx.transforms.momentum.momentum import scale_by_momentum, trace
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_novograd(
    b1: Decay = 0.9,
    b2: Decay = 0.25,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    *,
    grad_averaging: bool = False,
) -> Transform:
    """Add up gradients that are divided by a moving average of their leaf's norm.

    ν ← b2·ν + (1−b2)·‖g‖², at first ‖g‖²
    u = t,  t ← b1·t + g / (√(ν + ε_root) + ε) + λ·θ

    Args:
        b1: decay of the momentum, in [0, 1).
        b2: decay of the squared norm, in [0, 1).
        eps: ε ≥ 0, outside the root. The default of `novograd` is Optax's, 1e-6.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ, inside the momentum.
        grad_averaging: whether t is a moving average, with (1−b1) before the new term.

    Returns:
        A transform that keeps `norm`, one number for each leaf, and `trace` or `mu`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_novograd()
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(params * 4, tx.init(params), params)
        >>> round(float(updates), 6)
        1.0
    """
    return chain(
        scale_by_moving_norm(b2, eps, eps_root),
        add_decayed_weights(weight_decay),
        scale_by_momentum(b1) if grad_averaging else trace(b1),
    )


@transform
def novograd(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.25,
    eps: NonNegative = 1e-6,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    *,
    grad_averaging: bool = False,
) -> Transform:
    """Descend with a heavy ball of gradients that are normalized leaf by leaf.

    ν ← b2·ν + (1−b2)·‖g‖², at first ‖g‖²
    t ← b1·t + g / (√(ν + ε_root) + ε) + λ·θ,  u = −η·t

    A leaf has one second moment, and the decay goes through the momentum.
    torch_optimizer keeps ν in float32 for every dtype, and restarts it after a gradient
    of zeros. pytorch_optimizer's `grad_averaging` has no (1−b1) in the first step.

    See `scale_by_novograd` for the other arguments.

    Args:
        learning_rate: η.

    Reference:
        Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments
        for Training of Deep Networks", 2019, arXiv:1905.11286.

    Example:
        >>> import adamx
        >>> tx = adamx.novograd(0.1, eps=0.0)
        >>> grads = {"a": 3.0, "b": 300.0}
        >>> updates, state = tx.update(grads, tx.init(grads), grads)
        >>> [round(float(u), 6) for u in updates.values()]
        [-0.1, -0.1]
    """
    options = b1, b2, eps, eps_root, weight_decay
    return chain(
        scale_by_novograd(*options, grad_averaging=grad_averaging),
        scale_by_learning_rate(learning_rate),
    )
