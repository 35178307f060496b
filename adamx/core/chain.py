"""Series: each piece transforms what the one before it emits."""

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.hyperparameters.call import NoCall


@transform
def chain(*transforms: TransformLike) -> Transform:
    """Apply transforms one after the other.

    u = tₙ(… t₂(t₁(g)))

    Chains inside a chain are flattened, so `chain` is associative to the last bit;
    `chain()` is the identity and `chain(a)` is `a`. Neighbouring rules run as one
    function of a leaf, unrounded between them.

    Args:
        *transforms: transforms, or foreign pairs such as Optax's.

    Returns:
        The transform; its state is one dict of the pieces' states by name, `scale`,
        `scale_1`, … where a name comes again. Pieces without state are not in it.

    Reference:
        The combinator is Optax's (DeepMind, 2020).

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.clip(1.0), adamx.trace(0.9), adamx.scale(-0.1))
        >>> sorted(tx.init({"w": jnp.ones(3)}))
        ['trace']
    """
    pieces = [p for tx in transforms for p in as_transform(tx).plan.pieces]
    return Transform.of(tuple(pieces), NoCall())
