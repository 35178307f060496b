"""Gradient descent that keeps every example of its data to itself.

ḡ = (Σᵢ gᵢ · min(1, C/‖gᵢ‖) + σ·C·ξ) / B          differentially_private_aggregate
θ ← θ − η · ḡ
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, HeavyBall, NonNegative
from adamx.numerics.random import KeyLike
from adamx.optimizers.sgd import sgd
from adamx.transforms.privacy.per_example import differentially_private_aggregate


@transform
def dpsgd(
    learning_rate: Finite,
    l2_norm_clip: NonNegative,
    noise_multiplier: NonNegative,
    seed: KeyLike,
    momentum: HeavyBall | None = None,
    nesterov: bool = False,
) -> Transform:
    """Descend along noisy means of gradients that are clipped example by example.

    ḡ = (Σᵢ gᵢ · min(1, C/‖gᵢ‖) + σ·C·ξ) / B,  ξ normal of mean 0 and variance 1
    u = −η·ḡ;  with momentum m:  t ← ḡ + m·t,  u = −η·t

    Its updates have an axis of the B examples before the axes of the parameters; see
    `differentially_private_aggregate`, which may stand before any other optimizer too.

    See `differentially_private_aggregate` and `sgd` for the other arguments.

    Args:
        learning_rate: η.
        seed: a random key, or an integer to make one of. Keep it secret.

    Returns:
        A transform that keeps `rng_key`, a random key, and `trace` with momentum. It
        needs the parameters, because their shapes are those of one example.

    Reference:
        Abadi et al., "Deep Learning with Differential Privacy", 2016,
        arXiv:1607.00133.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dpsgd(1.0, l2_norm_clip=2.0, noise_multiplier=0.0, seed=1)
        >>> params = jnp.array(0.0)
        >>> grad = jax.vmap(jax.grad(lambda p, x: (p - x) ** 2 / 2), (None, 0))
        >>> grads = grad(params, jnp.array([1.0, 9.0]))
        >>> float(tx.update(grads, tx.init(params), params)[0])
        1.5
    """
    private = differentially_private_aggregate(l2_norm_clip, noise_multiplier, seed)
    return chain(private, sgd(learning_rate, momentum, nesterov))
