"""Updates of norm one: the direction alone."""

import jax.numpy as jnp

from adamx.core.rule import Leaf, Rule
from adamx.core.transform import transform
from adamx.core.types import Array, Shared, Slots
from adamx.tree.norms import scaled_norm


class Normalize(Rule):
    locality = "tree"

    def gather(self, shared: Shared, leaves: list[Leaf]) -> Shared:
        largest, rest = scaled_norm([leaf.g for leaf in leaves])
        return {"largest": jnp.where(largest > 0, largest, 1), "rest": rest}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        return g / shared["largest"] / shared["rest"], slots


@transform
def normalize() -> Normalize:
    """Divide all updates by their common norm.

    u = g / ‖g‖, with ‖g‖ = √(Σ |gᵢ|²) over all leaves;  0 where all is zero

    The norm is taken of scaled numbers, so it neither overflows nor underflows. A
    single NaN or ∞ in g makes all updates NaN.

    Returns:
        The transform; without state.

    Raises:
        TransformError: (when used) what does not fit, with key path and piece.

    Reference:
        Cauchy, "Méthode générale pour la résolution des systèmes d'équations
        simultanées", 1847, with steps of a given length. The name is Optax's, whose
        zeros become NaN.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.normalize()
        >>> g = {"a": jnp.array(3.0), "b": jnp.array(-4.0)}
        >>> updates, _ = tx.update(g, tx.init(g))
        >>> [round(float(u), 6) for u in updates.values()]
        [0.6, -0.8]
    """
    return Normalize()
