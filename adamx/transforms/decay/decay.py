"""Weight decay."""

import jax.numpy as jnp

from adamx.core.partition import masked
from adamx.core.rule import Rule
from adamx.core.transform import Transform, lift, transform
from adamx.hyperparameters.hyper import Finite
from adamx.hyperparameters.labels import Labels
from adamx.numerics.arithmetic import is_zero
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class DecayedWeights(Rule):
    needs_params = True

    weight_decay: Rate

    def degree(self) -> int | None:
        return 1 if is_zero(self.weight_decay) else None

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if is_zero(self.weight_decay):
            return g, slots
        assert param is not None
        return g + self.weight_decay * self._decayed(g, param), slots

    def _decayed(self, g: Array, param: Array) -> Array:
        """Return the parameters that decay; zero for all others."""
        return param


class CautiousDecay(DecayedWeights):
    def _decayed(self, g: Array, param: Array) -> Array:
        # A product of signs, because that of the numbers could underflow.
        agree = (jnp.sign(g) * jnp.sign(param).conj()).real >= 0
        return jnp.where(agree, param, 0)


@transform
def add_decayed_weights(
    weight_decay: Finite = 0.0, mask: Labels | None = None, *, cautious: bool = False
) -> Rule | Transform:
    """Add a multiple of the parameters to the updates.

    u = g + λ·θ

    Before an optimizer's moments it is L2 regularization, after them the decoupled
    weight decay of AdamW.

    Args:
        weight_decay: λ.
        mask: which parameters decay; all by default.
        cautious: whether only numbers with g·θ ≥ 0 decay, which −g does not move away
            from zero.

    Reference:
        Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019,
        arXiv:1711.05101. Cautious: Chen et al., "Cautious Weight Decay", 2025,
        arXiv:2510.12402.

    Example:
        >>> import adamx
        >>> tx = adamx.add_decayed_weights(0.5)
        >>> float(tx.update(1.0, tx.init(4.0), 4.0)[0])
        3.0
    """
    rule = (CautiousDecay if cautious else DecayedWeights)(weight_decay)
    return rule if mask is None else masked(lift(rule, "add_decayed_weights"), mask)
