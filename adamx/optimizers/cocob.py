"""COCOB: no learning rate, but money that is bet on the signs of gradients.

L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
θ ← θ₀ + C / (L·max(G + L, α·L)) · (L + R)         scale_by_cocob
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.cocob import scale_by_cocob
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def cocob(
    learning_rate: Finite = 1.0,
    alpha: NonNegative = 100.0,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Bet on the sign of each next gradient, instead of using a learning rate.

    With g the gradient times η:
    L ← max(L, |g|),  G ← G + |g|,  C ← C − g,  R ← max(R − g·(θ − θ₀), 0)
    u = θ₀ − θ + C / (L·max(G + L, α·L)) · (L + R)

    The first steps are 1/α long, later ones longer where the bets are won. Steps do not
    depend on the scale of the gradients, nor on a constant η, except beside ε. A
    schedule is the weight of each step's gradient: if it falls to 0, the parameters
    come to rest.

    See `adamw` for the other arguments.

    Args:
        learning_rate: η; 1, or a schedule that falls from 1.
        alpha: α ≥ 0; 100 in the paper.
        eps: the first L, ≥ 0; 0 in the paper.
        weight_decay: λ: λ·θ is added to the gradient first (L2).

    Returns:
        A transform that keeps the state of `scale_by_cocob`.

    Reference:
        Orabona & Tommasi, "Training Deep Networks without Learning Rates Through Coin
        Betting", 2017, arXiv:1705.07795, algorithm 2.

    Example:
        >>> import adamx
        >>> tx = adamx.cocob()
        >>> updates, state = tx.update(3.0, tx.init(1.0), 1.0)
        >>> round(float(updates), 6)
        -0.01
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate, flip_sign=False),
        scale_by_cocob(alpha, eps),
    )
