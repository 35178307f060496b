"""A bound on what is to be squared, for a whole leaf at once."""

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.numerics.arithmetic import largest_squarable
from adamx.numerics.norms import largest_of
from adamx.types import Array, Shared, Slots


class BoundLeaf(Rule):
    locality = "leaf"

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
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
def bound_leaf() -> BoundLeaf:
    """Scale a leaf down, if it has to be, so that its squares can be added up.

    u = g · min(1, bound / max |g|)

    A moment that sums over a leaf and the numerator above it are to see the same
    gradient, with its direction: so the leaf is scaled as one, where `second_moment`
    clips each number. In float32 the bound is 2⁵⁵; ∞ counts as the largest number.

    Returns:
        The transform; without state.

    Raises:
        TransformError: (when used) a leaf is no float or complex array.

    Reference:
        adamx's own.

    Example:
        >>> import jax.numpy as jnp
        >>> from adamx.transforms.clipping.bound import bound_leaf
        >>> tx = bound_leaf()
        >>> u, _ = tx.update(jnp.array([2.0**100, 2.0**99]), tx.init(jnp.zeros(2)))
        >>> (u / 2.0**54).tolist()
        [2.0, 1.0]
    """
    return BoundLeaf()
