"""ADOPT: momentum of gradients that are divided by what came before them.

n = g / max(√ν, ε), clipped to ±t^¼             scale_by_past_moment, clip
ν ← b2·ν + (1−b2)·g²
μ ← b1·μ + (1−b1)·n                            scale_by_momentum
θ ← θ − η·μ
"""

from collections.abc import Callable

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.numerics.dtypes import scalar_dtype
from adamx.transforms.clipping.clip import clip
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.past_moment import scale_by_past_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.types import Array, Scalar


def fourth_root(count: Array) -> Array:
    """Return t^¼, the authors' bound after t steps."""
    return count.astype(scalar_dtype()) ** 0.25


@transform
def adopt(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.9999,
    eps: NonNegative = 1e-6,
    *,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Array], Scalar] = fourth_root,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Divide by a second moment that does not depend on the present gradient.

    n = clip(g / max(√ν, ε), ±c(t)),  ν ← b2·ν + (1−b2)·g²,  μ ← b1·μ + (1−b1)·n
    u = −η · (μ + λ·θ)

    In the first step ν becomes g² and u is 0, except for the decay. c(t) is t^¼ with
    the number t of steps before, as in the authors' code and Optax; pytorch_optimizer
    counts one more.

    See `adamw` for the other arguments.

    Args:
        learning_rate: η.
        b1: decay of the average, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        eps: ε ≥ 0, the least divisor.
        use_clipping: whether to clip.
        clip_value_fn: c, from the number of steps before, an int32 array of shape (),
            to a number.
        weight_decay: λ.

    Returns:
        A transform that keeps `nu` and `mu`.

    Reference:
        Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any β2 with the
        Optimal Rate", 2024, arXiv:2411.02853.

    Example:
        >>> import adamx
        >>> tx = adamx.adopt(0.1, b1=0.5)
        >>> first, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> second, state = tx.update(3.0, state, 1.0)
        >>> abs(float(first)), round(float(second), 6)
        (0.0, -0.05)
    """
    return chain(
        scale_by_past_moment(b2, eps),
        clip(clip_value_fn) if use_clipping else chain(),
        scale_by_momentum(b1),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
