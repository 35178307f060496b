"""Adafactor: a second moment of rank one, and steps in proportion to the parameters.

v = r·c / mean(r), of moving averages of |g|²      factored_moment
d = g / √v                                         scale_by_second_moment
d̂ = d · min(1, threshold / RMS(d))                 clip_by_block_rms
θ ← θ − η · max(RMS(θ), ε₂) · d̂                    scale_by_param_block_rms
"""

from typing import Literal, TypeAlias, get_args

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.transform import Transform, transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.clipping.bound import bound_leaf
from adamx.transforms.clipping.clip import clip_by_block_rms
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
from adamx.types import Array

DecayScale: TypeAlias = Literal["none", "learning_rate", "step"]


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
        step_offset: after so many steps t begins again from 1; see `adafactor`.
        min_dim_size_to_factor: the least size of both axes.
        epsilon: ε ≥ 0, added to the squares.
        max_decay: the largest b, in [0, 1); None for no bound.
        last_axes: whether the last two axes are factored, not the two largest.
        eps_floor: see `adafactor`.

    Returns:
        The transform; its state is `nu`, with trees `row` and `col` of factored leaves,
        real, at least float32, and the `count` of steps.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory
        Cost", 2018, arXiv:1804.04235; Zhai et al., "Scaling Vision Transformers",
        2021, arXiv:2106.04560, for the bound of b. The name is Optax's.

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
    return chain(bound_leaf(), scale_by_second_moment(moment, 0.0))


def _sum(step: Array, decay: Array) -> Array:
    return step + decay


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
    factored: bool = True,
    weight_decay_mask: Labels | None = None,
    min_scale: NonNegative = 1e-3,
    relative_step: bool = False,
    last_axes: bool = False,
    eps_floor: bool = False,
    decay_scale: DecayScale = "none",
) -> Transform:
    """Adam's denominator from row and column means: sublinear memory.

    v = r·c / mean(r), averages of |g|² + ε with decay b = 1 − t^(−c), so no correction
    d = g / √v,  d̂ = d · min(1, threshold / RMS(d))
    u = −(η · max(RMS(θ), s) · d̂ + λ·θ), with momentum an average of the first term

    An m×n matrix has m + n numbers of state, every other leaf as many as it has. The
    frameworks differ in all the rest:

    - *What is factored.* Optax and adamx: the two largest axes, if both have at least
      `min_dim_size_to_factor` numbers. The paper, PyTorch, Keras, fairseq and Hugging
      Face: the last two of any leaf that has two: `min_dim_size_to_factor=1,
      last_axes=True`.
    - *The rate.* Optax and adamx take η as it is, 1 if None. With `relative_step` it is
      min(η, 1/√t): the paper and fairseq (η = 1e-2), PyTorch (1e-2), Keras (1e-3).
    - *ε.* 1e-30, added to |g|²; in PyTorch (`eps_floor`) mean(r) is at least ε and v at
      least ε², with the machine's ε.
    - *The decay.* Optax and adamx: λ·θ, whatever η is. With `decay_scale`
      "learning_rate": η·λ·θ, η as given (PyTorch, and Keras, which then takes RMS(θ)
      of the decayed θ). With "step": as much of λ·θ as of d̂ (fairseq, Hugging Face).

    Args:
        learning_rate: η, a number, traced scalar or schedule; None for 1.
        min_dim_size_to_factor: the least size of both axes that are factored.
        decay_rate: c ≥ 0, the power in the decay of the second moment.
        decay_offset: the step at which a fine-tuning starts: t begins again from 1
            there. In Optax the steps before it are NaN.
        multiply_by_parameter_scale: whether steps are in proportion to RMS(θ).
        clipping_threshold: the largest RMS of d̂, ≥ 0; None for no bound.
        momentum: the decay of an average of the steps, in [0, 1), not corrected; None
            for no average, and no memory for one.
        weight_decay_rate: λ; None for no decay.
        eps: ε ≥ 0.
        factored: False keeps the whole second moment of every leaf.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        min_scale: s ≥ 0, the least that RMS(θ) counts as.
        relative_step: whether the rate is at most 1/√t.
        last_axes: whether the last two axes are factored, not the two largest.
        eps_floor: whether ε is a floor instead of being added.
        decay_scale: what the decay is multiplied by: "none", "learning_rate", "step".

    Returns:
        The transform; its state is `nu`, with trees `row` and `col` of factored leaves,
        real, at least float32, `mu` if there is momentum, and the `count` of steps. It
        needs the parameters if they decay or scale the step.

    Raises:
        TransformError: a hyperparameter is outside its interval.

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
    if decay_scale not in get_args(DecayScale):
        raise TransformError(
            "adafactor: decay_scale is none of those there are",
            expected=f"one of {get_args(DecayScale)}",
            got=repr(decay_scale),
        )
    given = 1.0 if learning_rate is None else learning_rate
    by_rate = scale_by_relative_step if relative_step else scale_by_learning_rate
    size = by_rate(given, flip_sign=False)
    if multiply_by_parameter_scale:
        size = chain(size, scale_by_param_block_rms(min_scale))
    dims = min_dim_size_to_factor
    form = {"last_axes": last_axes, "eps_floor": eps_floor}
    pieces = [
        scale_by_factored_rms(factored, decay_rate, decay_offset, dims, eps, **form)
    ]
    if clipping_threshold is not None:
        pieces.append(clip_by_block_rms(clipping_threshold))
    pieces.append(size)
    if momentum is not None:
        pieces.append(scale_by_momentum(momentum))
    if weight_decay_rate is None:
        return chain(*pieces, scale(-1.0))
    decay = add_decayed_weights(weight_decay_rate, weight_decay_mask)
    alone = scale_by_learning_rate(given, flip_sign=False)
    sizes = {"none": chain(), "learning_rate": alone, "step": size}
    decay = chain(scale(0.0), decay, sizes[decay_scale])
    return chain(fork(_sum, step=chain(*pieces), decay=decay), scale(-1.0))
