"""Steps that are shortened where gradients outgrow their second moment."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.fork import Fork, ratio_of
from adamx.core.hyper import Finite, NonNegative
from adamx.core.numerics import abs_sq, safe_sqrt, squarable
from adamx.core.record import replace
from adamx.core.rule import Live, Rule
from adamx.core.transform import TransformLike, transform
from adamx.core.types import Array, Hyper, Scalar, Shared, Slots


class Limit(Rule):
    """The hyperparameters of a `Stabilized` beside those of its ratio."""

    eps: Hyper
    weight_decay: Hyper


class Stabilized(Fork):
    """A ratio, over the root mean square of g/√moment in the leaf where that is > 1."""

    locality = "leaf"
    needs_params = True

    limit: Rule
    moment_gain: Scalar = 1.0
    gain: Scalar = 1.0

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return (*super().parts(), ("limit", self.limit))

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        live = super().tick(shared, extra)
        parts = dict(self.parts())
        moment, limit = (
            parts[name].tick(shared.get(name, {}), extra)
            for name in ("moment", "limit")
        )
        assert isinstance(live.rule, Stabilized)
        rule = replace(
            live.rule, limit=limit.rule, moment_gain=moment.gain, gain=live.gain
        )
        # What decays is not multiplied by the gain of the ratio.
        return live._replace(rule=rule, gain=1.0)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert isinstance(self.limit, Limit)
        outs, new = self.emitted(g, slots, shared, param)
        moment = outs["moment"] * self.moment_gain
        least = float(jnp.finfo(moment.dtype).tiny)
        moment = jnp.maximum(jnp.maximum(moment, self.limit.eps**2), least)
        mean = jnp.sum(abs_sq(squarable(g)) / moment) / max(g.size, 1)
        u = self.join(**outs) * self.gain + self.limit.weight_decay * param
        return u / jnp.maximum(safe_sqrt(mean), 1), new


@transform
def stabilize(
    ratio: TransformLike, eps: NonNegative = 1e-8, weight_decay: Finite = 0.0
) -> Stabilized:
    """Shorten the step of a leaf where its gradients are larger than their moment.

    r = √mean(g² / max(v, ε²)) over the leaf
    u = (n/√v + λ·θ) / max(1, r), where the ratio is n/√v

    A second moment that is too small, since gradients have grown faster than it can
    follow, makes steps that are too long: that is where losses spike.

    Args:
        ratio: made by `scale_by_second_moment`, or an optimizer's direction made of it.
        eps: ε ≥ 0, the least root of v that counts.
        weight_decay: λ, a finite number, traced scalar or schedule; the decay is
            shortened with the step.

    Returns:
        The transform; its state is that of `ratio`, float32 at least. It needs the
        parameters.

    Raises:
        TransformError: `ratio` is something else.

    Reference:
        Wortsman et al., "Stable and low-precision training for large-scale
        vision-language models", 2023, arXiv:2304.13013.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.stabilize(adamx.scale_by_second_moment(0.75, eps=0.0))
        >>> params = jnp.array(0.0)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(params), params)
        >>> float(updates)  # 4 / √4 = 2, shortened by r = 2
        1.0
    """
    fork = ratio_of("stabilize", ratio)
    return Stabilized(fork.join, fork.branches, Limit(eps, weight_decay))
