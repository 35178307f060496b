"""A ratio whose moment is taken around its numerator."""

from adamx.core.fork import Fork, ratio_of
from adamx.core.numerics import squarable
from adamx.core.transform import TransformLike, transform
from adamx.core.types import Array, Shared, Slots


class Around(Fork):
    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        rules, g = dict(self.branches), squarable(g)

        def act(name: str, g: Array) -> tuple[Array, Slots]:
            mine = slots.get(name, {}), shared.get(name, {})
            return rules[name].step(g, *mine, param)

        # The corrections of the branches are in the join: this is the plain average.
        numerator, new = act("numerator", g)
        moment, kept = act("moment", g - numerator)
        new = {"moment": kept, "numerator": new}
        u = self.join(moment=moment, numerator=numerator)
        return u, {name: arrays for name, arrays in new.items() if arrays}


@transform
def around_numerator(ratio: TransformLike) -> Around:
    """Give the moment of a ratio what is left of g without the numerator: g − n.

    u = n / √(moment of (g − n)), where the ratio had n / √(moment of g)

    Of a momentum that is bias-corrected, n is the momentum before the correction.

    Args:
        ratio: made by `scale_by_second_moment`.

    Returns:
        The transform; its state is that of `ratio`.

    Raises:
        TransformError: `ratio` is something else.

    Reference:
        Zhuang et al., "AdaBelief Optimizer", 2020, arXiv:2010.07468.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> from adamx.transforms.around import around_numerator
        >>> momentum = adamx.scale_by_momentum(0.5)
        >>> ratio = adamx.scale_by_second_moment(0.0, numerator=momentum)
        >>> tx = around_numerator(ratio)
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)  # 2 / √(4 − 2)²
        1.0
    """
    fork = ratio_of("around_numerator", ratio)
    return Around(fork.join, fork.branches)
