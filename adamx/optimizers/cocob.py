"""COCOB: no learning rate, but money that is bet on the signs of gradients.

L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
θ ← θ₀ + C / (L·max(G + L, α·L)) · (L + R)         scale_by_cocob
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.coin_betting import scale_by_cocob
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def cocob(
    learning_rate: Finite = 1.0,
    alpha: NonNegative = 100.0,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Coin betting on each parameter: steps of 1/α at first, and longer where it pays.

    With g the gradient times η, for each number on its own:
    L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
    u = θ₀ − θ + C / (L·max(G + L, α·L)) · (L + R)

    The steps do not depend on the scale of the gradients, and so not on a constant η,
    but for its size beside ε. A schedule is the weight of each step's gradient: where
    it falls to 0, the parameters come to rest.

    Args:
        learning_rate: η, a number, traced scalar or schedule; 1 unless it falls.
        alpha: α ≥ 0; the first steps are 1/α long. 100 in the paper.
        eps: the L to begin with, ≥ 0; 0 in the paper.
        weight_decay: λ of an L2 term, added to the gradient before all else.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is that of `scale_by_cocob`. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Orabona & Tommasi, "Training Deep Networks without Learning Rates Through Coin
        Betting", 2017, arXiv:1705.07795, algorithm 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.cocob()
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(3.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.01
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate, flip_sign=False),
        scale_by_cocob(alpha, eps),
    )
