"""MARS-AdamW: Adam on gradients whose variance is reduced by their change.

c = g + γ·b1/(1−b1)·(g − g₋₁)        difference
c ← c / max(1, ‖c‖) in each leaf     clip_by_leaf_norm
θ ← θ − η · (Adam's direction for c + λ·θ)
"""

from adamx.core.chain import chain
from adamx.core.fork import fork
from adamx.core.freeze import Labels
from adamx.core.hyper import Decay, Finite, NonNegative, derived
from adamx.core.transform import Transform, transform
from adamx.core.types import Array, Scalar
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.clip import clip_by_leaf_norm
from adamx.transforms.decay import add_decayed_weights
from adamx.transforms.difference import difference
from adamx.transforms.identity import identity
from adamx.transforms.scale import scale, scale_by_learning_rate


def _weight(gamma: Scalar, b1: Scalar) -> Scalar:
    return gamma * b1 / (1 - b1)


def _corrected(gradient: Array, change: Array) -> Array:
    return gradient + change


@transform
def mars(
    learning_rate: Finite,
    b1: Decay = 0.95,
    b2: Decay = 0.99,
    gamma: NonNegative = 0.025,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    max_norm: NonNegative = 1.0,
    eps_hat: bool = True,
) -> Transform:
    """AdamW on a stochastic recursive gradient: variance reduction that scales.

    c = g + γ·b1/(1−b1)·(g − g₋₁),  c ← c · min(1, c_max/‖c‖) in each leaf
    u = −η · (m / (√v + ε) + λ·θ), with m and v Adam's moments of c

    g₋₁ is the last gradient, of the last batch: the paper's approximate form, without
    a second gradient. It is 0 at first. As in the authors' code and pytorch_optimizer ε
    stands beside the uncorrected root. They leave vectors and scalars to AdamW, in a
    group of their own; use `partition` for that.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1), also in the weight of the change.
        b2: decay of the second moment, in [0, 1).
        gamma: γ ≥ 0, how much of the variance reduction is used; 0.025 in the paper.
        eps: ε ≥ 0, outside the root.
        eps_root: ε_root ≥ 0, inside the root.
        weight_decay: λ, a finite number, traced scalar or schedule.
        mask: which parameters decay, as for `masked`; all by default.
        max_norm: c_max ≥ 0, for the norm of c in each leaf.
        eps_hat: whether ε stands beside the uncorrected root, as in `adam`.

    Returns:
        The transform; its state is `mu`, `nu` and `previous`, like the parameters and
        at least float32, and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Yuan et al., "MARS: Unleashing the Power of Variance Reduction for Training
        Large Models", 2024, arXiv:2411.10438.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.mars(0.1)
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 5)
        -0.1
    """
    change = chain(difference(from_zero=True), scale(derived(_weight, gamma, b1)))
    return chain(
        fork(_corrected, gradient=identity(), change=change),
        clip_by_leaf_norm(max_norm),
        scale_by_adam(b1, b2, eps, eps_root, eps_hat=eps_hat),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
