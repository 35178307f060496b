"""Series: each piece transforms the output of the piece before it."""

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.hyperparameters.call import NoCall


@transform
def chain(*transforms: TransformLike) -> Transform:
    """Apply transforms one after the other.

    u = tₙ(… t₂(t₁(g)))

    Nested chains are flattened, so `chain` is exactly associative; `chain()` is the
    identity, and `chain(a)` computes the same as `a`. Neighbouring rules run as one
    function of a leaf, without rounding between them.

    Args:
        *transforms: transforms, or foreign pairs such as Optax's.

    Returns:
        The transform. Its state is a dict of the pieces' states by name; repeated names
        are numbered: `trace`, `trace_1`. Pieces without state are left out.

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
