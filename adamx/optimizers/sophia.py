"""Sophia: momentum over the curvature, clipped.

h ← b2·h + (1−b2)·ĥ, each k-th step          hessian_moment
θ ← θ − η · (clip(μ̂ / max(γ·h, ε), ρ) + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.ratio import ClippedRatio, bounded
from adamx.core.rule import Rule
from adamx.core.transform import Transform, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.hessian_moment import hessian_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_sophia(
    b1: Decay = 0.965,
    b2: Decay = 0.99,
    eps: NonNegative = 1e-8,
    gamma: NonNegative = 0.01,
    clip_threshold: NonNegative | None = 1.0,
    update_interval: int = 10,
    *,
    bias_correction: bool = True,
    past: bool = True,
) -> Rule | TreeTransform:
    """Divide the momentum by a diagonal of the Hessian, and clip the quotient.

    each k-th step, from the first:  h ← b2·h + (1−b2)·ĥ
    u = clip(μ̂ / max(γ·h, ε), ρ)

    This is the direction of `sophia`.

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the curvature, in [0, 1).
        eps: ε ≥ 0.
        gamma: γ ≥ 0, how much curvature counts. The authors' ρ.
        clip_threshold: ρ ≥ 0; None for no clipping.
        update_interval: k ≥ 1, an integer: how often `hessian` is read.
        bias_correction: whether μ is corrected for its start.
        past: whether h is that before this step.

    Returns:
        A transform that keeps `mu` and `nu` (h). Its update needs `hessian`, ĥ, a tree
        like the parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_sophia(gamma=1.0, b2=0.0, past=False)
        >>> g, h = jnp.array([1.0, -8.0]), jnp.array([4.0, 4.0])
        >>> updates, _ = tx.update(g, tx.init(g), hessian=h)
        >>> [round(float(u), 6) for u in updates]
        [0.25, -1.0]
    """
    momentum = scale_by_momentum(b1)
    branches = {
        "moment": hessian_moment(b2, update_interval, past=past),
        "numerator": bounded(bias_correct(momentum) if bias_correction else momentum),
    }
    return forked("scale_by_sophia", ClippedRatio(gamma, eps, clip_threshold), branches)


@transform
def sophia(
    learning_rate: Finite,
    b1: Decay = 0.965,
    b2: Decay = 0.99,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 1e-4,
    weight_decay_mask: Labels | None = None,
    gamma: NonNegative = 0.01,
    clip_threshold: NonNegative | None = 1.0,
    update_interval: int = 10,
    *,
    bias_correction: bool = True,
    past: bool = True,
) -> Transform:
    """Divide the momentum by a diagonal of the Hessian, and clip the quotient.

    each k-th step, from the first:  h ← b2·h + (1−b2)·ĥ
    u = −η · (clip(μ̂ / max(γ·h, ε), ρ) + λ·θ)

    Where the curvature is small or negative, u is a step of signs. ĥ is the argument
    `hessian` of update, an estimate such as `hutchinson_estimator_diag_hessian`
    (Sophia-H) or `gauss_newton_bartlett_diag_hessian` (Sophia-G). In other steps it is
    not read: give any tree like the parameters, and use `jax.lax.cond` to compute the
    estimate in each k-th step only.

    The forms differ in three places. Optax, the default here, corrects μ for its start,
    and so does an early Sophia-H of the authors; the paper and Sophia-G do not:
    `bias_correction=False`. Optax and the authors' code take a step with the h of
    before, at first 0; the paper and pytorch_optimizer with the new one: `past=False`.
    The first version of the paper, and pytorch_optimizer, clip at ρ where this clips
    at 1: `gamma=1.0, clip_threshold=ρ, learning_rate=η` is theirs, and the same as
    `gamma=ρ` at a rate of η·ρ.

    See `scale_by_sophia` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ.
        weight_decay_mask: which parameters decay; all by default.

    Reference:
        Liu et al., "Sophia: A Scalable Stochastic Second-order Optimizer for Language
        Model Pre-training", 2023, arXiv:2305.14342.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> loss = lambda p: jnp.sum(p**4)
        >>> params, key = jnp.array([1.0, -2.0]), jax.random.key(0)
        >>> tx = adamx.sophia(0.1, weight_decay=0.0)
        >>> state = tx.init(params)
        >>> for step in range(10):
        ...     hessian = jax.lax.cond(
        ...         step % 10 == 0,
        ...         lambda p: adamx.hutchinson_estimator_diag_hessian(loss, p, key),
        ...         jnp.zeros_like,
        ...         params,
        ...     )
        ...     grads = jax.grad(loss)(params)
        ...     updates, state = tx.update(grads, state, params, hessian=hessian)
        ...     params = adamx.apply_updates(params, updates)
        >>> bool(loss(params) < 1.1)
        True
    """
    options = {"bias_correction": bias_correction, "past": past}
    curved = (b1, b2, eps, gamma, clip_threshold, update_interval)
    return chain(
        scale_by_sophia(*curved, **options),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
