"""Adafactor: a second moment of rank one, and steps in proportion to the parameters.

v = r·c / mean(r), of moving averages of |g|²      factored_moment
d = g / √v                                         scale_by_second_moment
d̂ = d · min(1, threshold / RMS(d))                 clip_by_block_rms
θ ← θ − η · max(RMS(θ), ε₂) · d̂                    scale_by_param_block_rms
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.clipping.clip import clip_by_block_rms
from adamx.transforms.clipping.clip_leaf import clip_leaf
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.factored_moment import factored_moment
from adamx.transforms.moments.second_moment import scale_by_second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.param_rms import scale_by_param_block_rms
from adamx.transforms.scaling.scale import (
    scale,
    scale_by_learning_rate,
    scale_by_relative_step,
)


@transform
def scale_by_factored_rms(
    factored: bool = True,
    decay_rate: NonNegative = 0.8,
    step_offset: NonNegative = 0.0,
    min_dim_size_to_factor: int = 128,
    epsilon: NonNegative = 1e-30,
    *,
    max_decay: Decay | None = None,
    last_axes: bool = False,
    eps_floor: bool = False,
) -> Transform:
    """Divide by the root of a factored second moment.

    u = g / √v, where v = r·c / mean(r) and r, c are averages of |g|² + ε over rows and
    columns, with the decay b = 1 − t^(−c) in step t

    Args:
        factored: False keeps the whole second moment of every leaf.
        decay_rate: c ≥ 0.
        step_offset: after so many steps t begins again from 1.
        min_dim_size_to_factor: the least size of both axes that are factored.
        epsilon: ε ≥ 0, added to the squares.
        max_decay: the largest b, in [0, 1); None for no bound.
        last_axes: whether the last two axes are factored, not the two largest.
        eps_floor: whether ε is a floor instead, as in PyTorch: mean(r) is at least ε
            and v at least ε², where PyTorch's ε is the machine epsilon.

    Returns:
        The transform; its state is `nu`, with trees `row` and `col` of factored leaves,
        real, at least float32, and the `count` of steps.

    Reference:
        Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory
        Cost", 2018, arXiv:1804.04235; Zhai et al., "Scaling Vision Transformers",
        2021, arXiv:2106.04560, for the bound of b.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_factored_rms()
        >>> g = jnp.array([3.0, -5.0])
        >>> tx.update(g, tx.init(g))[0].tolist()
        [1.0, -1.0]
    """
    moment = factored_moment(
        max_decay,
        epsilon,
        power=decay_rate,
        offset=step_offset,
        min_dim_size_to_factor=min_dim_size_to_factor,
        factored=factored,
        last_axes=last_axes,
        eps_floor=eps_floor,
    )
    return chain(clip_leaf(), scale_by_second_moment(moment, 0.0))


@transform
def adafactor(
    learning_rate: Finite | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: NonNegative = 0.8,
    decay_offset: NonNegative = 0.0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: NonNegative | None = 1.0,
    momentum: Decay | None = None,
    *,
    weight_decay_rate: Finite | None = None,
    eps: NonNegative = 1e-30,
    weight_decay_mask: Labels | None = None,
    relative_step: bool = False,
    last_axes: bool = False,
) -> Transform:
    """Divide by a second moment that is estimated from row and column means.

    v = r·c / mean(r), averages of |g|² + ε with decay b = 1 − t^(−c), so no correction
    d = g / √v,  d̂ = d · min(1, threshold / RMS(d))
    u = −(η · max(RMS(θ), 1e-3) · d̂ + λ·θ), with momentum an average of the first term

    The state has m + n numbers for an m×n matrix, and one for each number of any other
    leaf. Frameworks differ in the following:

    - *Factored axes.* Optax and adamx: the two largest axes, if both have at least
      `min_dim_size_to_factor` numbers. The paper, PyTorch, Keras, fairseq and Hugging
      Face: the last two of any leaf with two axes or more, which is
      `min_dim_size_to_factor=1, last_axes=True`.
    - *The rate.* Optax and adamx take η as it is, 1 if None. With `relative_step` it is
      min(η, 1/√t): the paper and fairseq (η = 1e-2), PyTorch (1e-2), Keras (1e-3).
    - *ε.* 1e-30, added to |g|². PyTorch has a floor: `scale_by_factored_rms` with
      `eps_floor`.
    - *The decay.* Optax and adamx: λ·θ, whatever η is. PyTorch and Keras: η·λ·θ, which
      is `weight_decay_rate=η*λ`. fairseq and Hugging Face: λ·θ times the factor of d̂,
      which is `add_decayed_weights` before `scale_by_param_block_rms` in a chain.

    Args:
        learning_rate: η; None for 1.
        min_dim_size_to_factor: the least size of both axes that are factored. With a
            size that no axis has, every second moment is kept whole.
        decay_rate: c ≥ 0, the power in the decay of the second moment.
        decay_offset: the step at which fine-tuning starts: t begins again from 1
            there. In Optax the steps before it are NaN.
        multiply_by_parameter_scale: whether steps are in proportion to RMS(θ).
        clipping_threshold: the largest RMS of d̂, ≥ 0; None for no bound.
        momentum: the decay of an average of the steps, in [0, 1), not corrected; None
            for no average, and no memory for one.
        weight_decay_rate: λ; None for no decay.
        eps: ε ≥ 0.
        weight_decay_mask: which parameters decay; all by default.
        relative_step: whether the rate is at most 1/√t.
        last_axes: whether the last two axes are factored, not the two largest.

    Returns:
        The transform; its state is `nu`, with trees `row` and `col` of factored leaves,
        real, at least float32, `mu` if there is momentum, and the `count` of steps. It
        needs the parameters if they decay or scale the step.

    Reference:
        Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory
        Cost", 2018, arXiv:1804.04235.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adafactor(0.1)
        >>> params = jnp.array([2.0, -2.0])
        >>> updates, state = tx.update(jnp.array([3.0, 5.0]), tx.init(params), params)
        >>> [round(float(u), 6) for u in updates]
        [-0.2, -0.2]
    """
    none, dims = chain(), min_dim_size_to_factor
    by_rate = scale_by_relative_step if relative_step else scale_by_learning_rate
    rate = 1.0 if learning_rate is None else learning_rate
    decay = none
    if weight_decay_rate is not None:
        decay = add_decayed_weights(weight_decay_rate, weight_decay_mask)
    return chain(
        scale_by_factored_rms(
            True, decay_rate, decay_offset, dims, eps, last_axes=last_axes
        ),
        none if clipping_threshold is None else clip_by_block_rms(clipping_threshold),
        by_rate(rate, flip_sign=False),
        scale_by_param_block_rms() if multiply_by_parameter_scale else none,
        none if momentum is None else scale_by_momentum(momentum),
        decay,
        scale(-1.0),
    )
