"""CAME: Adafactor, with trust in what the momentum has foreseen.

v = r·c / mean(r), of averages of |g|²       factored_moment
d = g / √v · min(1, threshold / RMS)         scale_by_second_moment, clip_by_block_rms
μ ← b1·μ + (1−b1)·d                          scale_by_momentum
s = r·c / mean(r), of averages of |d − μ|²  with_input, factored_moment
θ ← θ − η · (μ / √s + λ·θ)                   RootRatio
"""

from adamx.core.chain import chain
from adamx.core.fork import fork, with_input
from adamx.core.ratio import RootRatio
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.clipping.clip import clip_by_block_rms
from adamx.transforms.clipping.clip_leaf import clip_leaf
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.factored_moment import factored_moment
from adamx.transforms.moments.second_moment import scale_by_second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.types import Array


def _surprise(updates: Array, momentum: Array) -> Array:
    return updates - momentum


def _momentum(momentum: Array) -> Array:
    return momentum


@transform
def came(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    b3: Decay = 0.9999,
    eps: NonNegative = 1e-30,
    eps_instability: NonNegative = 1e-16,
    clipping_threshold: NonNegative = 1.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    min_dim_size_to_factor: int = 1,
    last_axes: bool = True,
) -> Transform:
    """Divide the momentum of Adafactor by the root of its instability.

    v = r·c/mean(r), averages of |g|² + ε;  d = g/√v, with an RMS of at most a threshold
    μ ← b1·μ + (1−b1)·d;  s likewise from averages of |d − μ|² + ε₂
    u = −η · (μ / √s + λ·θ);  of leaves that are not factored −η · (μ + λ·θ)

    There is no bias correction, as in the authors' code: the threshold bounds the first
    d, and the first μ/√s are about (1−b1)/√(1−b3) ≈ 10 long. Unlike Adafactor's, the
    learning rate does not fall by itself and is not in proportion to the parameters.
    The decay is AdamW's.

    See `adamw` for the other arguments.

    Args:
        learning_rate: η.
        b1: decay of the momentum, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        b3: decay of the instability s, in [0, 1).
        eps: ε ≥ 0, added to |g|².
        eps_instability: ε₂ ≥ 0, added to |d − μ|².
        clipping_threshold: the largest RMS of d in a leaf, ≥ 0.
        weight_decay: λ.
        min_dim_size_to_factor: the least size of both axes that are factored. With 1
            every leaf with two axes is factored, as in the authors' code.
        last_axes: whether the last two axes are factored (the authors), or the two
            largest (Optax's Adafactor).

    Returns:
        A transform that keeps `mu`, and `nu` twice, for v and s, with trees `row` and
        `col` of the factored leaves.

    Reference:
        Luo et al., "CAME: Confidence-guided Adaptive Memory Efficient Optimization",
        2023, arXiv:2307.02047.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.came(0.1)
        >>> params = jnp.array([1.0, 2.0])
        >>> updates, state = tx.update(jnp.array([3.0, -5.0]), tx.init(params), params)
        >>> [round(float(u), 6) for u in updates]
        [-0.01, 0.01]
    """
    dims = {"min_dim_size_to_factor": min_dim_size_to_factor, "last_axes": last_axes}
    instability = factored_moment(b3, eps_instability, keep_whole=False, **dims)
    confident = fork(
        RootRatio(0.0, 0.0),
        momentum=scale_by_momentum(b1),
        moment=with_input(_surprise, instability),
        numerator=with_input(_momentum),
    )
    return chain(
        clip_leaf(),
        scale_by_second_moment(factored_moment(b2, eps, **dims), 0.0),
        clip_by_block_rms(clipping_threshold),
        confident,
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
