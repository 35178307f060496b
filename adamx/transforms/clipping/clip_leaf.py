"""Scaling of leaves so that squares do not overflow."""

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.numerics.arithmetic import largest_squarable
from adamx.numerics.norms import largest_of
from adamx.types import Array, Param, Shared, Slots, StepResult


class ClipLeaf(Rule):
    locality = "leaf"

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        g, bound = _finite(g), largest_squarable(g.dtype)
        largest = largest_of(g)
        over = (largest > bound) | jnp.isnan(largest)
        return g * jnp.where(over, bound / jnp.where(over, largest, 1), 1), slots


def _finite(x: Array) -> Array:
    if jnp.iscomplexobj(x):
        return jax.lax.complex(_finite(x.real), _finite(x.imag))
    top = jnp.asarray(jnp.finfo(x.dtype).max, x.dtype)
    return jax.lax.clamp(-top, x, top)


@transform
def clip_leaf() -> ClipLeaf:
    """Scale a leaf down so that its squares, and their sum, do not overflow.

    u = g · min(1, bound / max |g|)

    `second_moment` clips each number instead. A moment that sums over a leaf needs one
    scale for the leaf, because the numerator must keep its direction. In float32 the
    bound is 2⁴⁷; ∞ counts as the largest number.

    Example:
        >>> import jax.numpy as jnp
        >>> from adamx.transforms.clipping.clip_leaf import clip_leaf
        >>> tx = clip_leaf()
        >>> u, _ = tx.update(jnp.array([2.0**100, 2.0**99]), tx.init(jnp.zeros(2)))
        >>> (u / 2.0**46).tolist()
        [2.0, 1.0]
    """
    return ClipLeaf()
