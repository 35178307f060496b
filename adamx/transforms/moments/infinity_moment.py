"""Division by an exponentially decaying maximum of |g|."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.ratio import Ratio
from adamx.core.rule import Rule
from adamx.core.transform import TransformLike, lift, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class InfinityMoment(Rule):
    decay: Hyper
    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {"nu": jnp.zeros_like(param.real)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        nu = jnp.maximum(self.decay * slots["nu"], jnp.abs(g) + self.eps)
        return nu, {"nu": nu}


@transform
def scale_by_infinity_moment(
    decay: Decay = 0.999,
    eps: NonNegative = 1e-8,
    *,
    eps_in_max: bool = True,
    numerator: TransformLike | None = None,
) -> Rule | TreeTransform:
    """Divide by an exponentially decaying maximum of |g|.

    ν ← max(b·ν, |g| + ε),  u = n / ν, where `numerator` emits n
    or, without `eps_in_max`:  ν ← max(b·ν, |g|),  u = n / (ν + ε)

    With a bias-corrected momentum as `numerator` it is the direction of `adamax`.

    Args:
        decay: b in [0, 1).
        eps: ε ≥ 0.
        eps_in_max: whether ε is added to |g|; otherwise it is added to ν in the
            quotient.
        numerator: a transform of the same updates; the identity by default.

    Returns:
        A transform that keeps `nu` and the state of `numerator`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_infinity_moment(0.5, eps=0.0)
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> float(tx.update(1.0, state)[0])
        0.5
    """
    inside, outside = (eps, 0.0) if eps_in_max else (0.0, eps)
    branches = {
        "moment": lift(InfinityMoment(decay, inside), "infinity_moment"),
        "numerator": chain() if numerator is None else numerator,
    }
    return forked("scale_by_infinity_moment", Ratio(outside), branches)
