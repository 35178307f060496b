"""SM3: Adagrad whose sums are shared along the axes of a leaf.

ν = min κ + g², of the κ of each axis     cover_moment
d = g / √(ν + ε)                          scale_by_second_moment
θ ← θ − η · μ, μ ← b·μ + (1−b)·d          scale_by_momentum
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.transforms.moments.cover_moment import cover_moment
from adamx.transforms.moments.second_moment import scale_by_second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_sm3(
    b1: Decay | None = 0.9,
    b2: Decay | None = None,
    eps: NonNegative = 1e-8,
    *,
    keep_largest: bool = False,
) -> Transform:
    """Average gradients that are divided by the root of SM3's bound of their squares.

    ν = min over axes of κ, plus |g|²;  κ ← the largest ν of each index of each axis
    u = μ,  μ ← b1·μ + (1−b1)·g / √(ν + ε)

    This is the direction of `sm3`.

    Args:
        b1: decay of the average, in [0, 1); None for no average.
        b2: decay of ν, in [0, 1); None for the sum, where Optax has 1.
        eps: ε ≥ 0, inside the root.
        keep_largest: whether κ never falls where b2 is given.

    Returns:
        A transform that keeps `nu`, a tree of κ for each axis as a mean over the steps,
        and `mu` with b1.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_sm3(None, eps=0.0)
        >>> g = jnp.array([[3.0, -5.0]])
        >>> tx.update(g, tx.init(g))[0].tolist()
        [[1.0, -1.0]]
    """
    moment = cover_moment(b2, keep_largest=keep_largest)
    ratio = scale_by_second_moment(moment, 0.0, eps)
    return ratio if b1 is None else chain(ratio, scale_by_momentum(b1))


@transform
def sm3(
    learning_rate: Finite,
    momentum: Decay | None = 0.9,
    *,
    b2: Decay | None = None,
    eps: NonNegative = 1e-8,
    keep_largest: bool = False,
) -> Transform:
    """Run Adagrad in sublinear memory: with one sum for each index of each axis.

    ν = min over axes of κ, plus |g|²;  κ ← the largest ν of each index of each axis
    u = −η · μ,  μ ← b·μ + (1−b)·g / √(ν + ε)

    This is SM3-II, the tighter of the paper's two. The average is not corrected. With
    b2 the sum becomes an average, b2·κ + (1−b2)·|g|², which is not in the paper. Optax
    lets that κ fall; pytorch_optimizer does so for scalars only (`keep_largest`), and
    has no momentum by default, and ε = 1e-30.

    See `scale_by_sm3` for the other arguments.

    Args:
        learning_rate: η.
        momentum: b, the decay of the average of the steps, in [0, 1); None for none.

    Reference:
        Anil, Gupta, Koren & Singer, "Memory-Efficient Adaptive Optimization", 2019,
        arXiv:1901.11150.

    Example:
        >>> import adamx
        >>> tx = adamx.sm3(0.1, None)
        >>> updates, state = tx.update(3.0, tx.init(2.0))
        >>> round(float(updates), 6)
        -0.1
    """
    return chain(
        scale_by_sm3(momentum, b2, eps, keep_largest=keep_largest),
        scale_by_learning_rate(learning_rate),
    )
