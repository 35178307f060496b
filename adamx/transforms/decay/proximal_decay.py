"""Proximal weight decay: an implicit step of the decay."""

from adamx.core.partition import masked
from adamx.core.rule import Rule
from adamx.core.transform import Transform, lift, transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class ProximalDecay(Rule):
    needs_params = True

    learning_rate: Rate
    weight_decay: Rate

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        rate = self.learning_rate * self.weight_decay
        return (g - rate * param) / (1 + rate), slots


@transform
def add_proximal_decay(
    learning_rate: NonNegative,
    weight_decay: NonNegative = 0.0,
    mask: Labels | None = None,
) -> Rule | Transform:
    """Shrink the parameters after a step, instead of before it.

    θ + u = (θ + g) / (1 + η·λ), where g is a step, learning rate and sign included

    With `add_decayed_weights` before the learning rate it is θ·(1 − η·λ) + g. The two
    differ by about g·η·λ and θ·(η·λ)².

    Args:
        learning_rate: η ≥ 0.
        weight_decay: λ ≥ 0.
        mask: which parameters decay; all by default.

    Reference:
        Zhuang et al., "Understanding AdamW through Proximal Methods and
        Scale-Freeness", 2022, arXiv:2202.00089.

    Example:
        >>> import adamx
        >>> tx = adamx.add_proximal_decay(0.5, 2.0)
        >>> float(tx.update(-2.0, tx.init(4.0), 4.0)[0])
        -3.0
    """
    rule = ProximalDecay(learning_rate, weight_decay)
    return rule if mask is None else masked(lift(rule, "add_proximal_decay"), mask)
