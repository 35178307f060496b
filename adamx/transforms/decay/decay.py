"""Weight decay."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.partition import masked
from adamx.core.rule import Identity, Live, Rule
from adamx.core.transform import Transform, lift, transform
from adamx.hyperparameters.hyper import Finite
from adamx.hyperparameters.labels import Labels
from adamx.numerics.arithmetic import is_zero
from adamx.types import Array, Rate, Shared, Slots


class DecayedWeights(Rule):
    needs_params = True

    weight_decay: Rate

    def degree(self) -> int | None:
        return 1 if is_zero(self.weight_decay) else None

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        live = super().tick(shared, extra)
        none = is_zero(self.weight_decay)
        return live._replace(rule=Identity()) if none else live

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        return g + self.weight_decay * param, slots


class CautiousDecay(DecayedWeights):
    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        # Of the signs, because the product itself could underflow.
        agree = (jnp.sign(g) * jnp.sign(param).conj()).real >= 0
        return g + self.weight_decay * jnp.where(agree, param, 0), slots


@transform
def add_decayed_weights(
    weight_decay: Finite = 0.0, mask: Labels | None = None, *, cautious: bool = False
) -> Rule | Transform:
    """Add a multiple of the parameters to the updates.

    u = g + λ·θ

    Before an optimizer's moments it is L2 regularization, after them the decoupled
    weight decay of AdamW.

    Args:
        weight_decay: λ, a finite number, traced scalar or schedule.
        mask: which parameters decay, as for `masked`; all by default.
        cautious: whether only numbers decay that g moves towards zero too, or leaves
            where they are: those with g·θ ≥ 0, as g is still to be subtracted.

    Returns:
        The transform; without state, unless `weight_decay` is a schedule. It needs
        the parameters.

    Raises:
        TransformError: (when used) `update` is called without parameters.

    Reference:
        Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019,
        arXiv:1711.05101. Cautious: Chen et al., "Cautious Weight Decay", 2025,
        arXiv:2510.12402. The name is Optax's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.add_decayed_weights(0.5)
        >>> params = jnp.array(4.0)
        >>> float(tx.update(jnp.array(1.0), tx.init(params), params)[0])
        3.0
    """
    rule = (CautiousDecay if cautious else DecayedWeights)(weight_decay)
    return rule if mask is None else masked(lift(rule, "add_decayed_weights"), mask)
