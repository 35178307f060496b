"""Cautious updates: only those that agree with the current gradient."""

import jax.numpy as jnp

from adamx.core.fork import forked
from adamx.core.rule import Identity, Rule
from adamx.core.transform import TransformLike, lift, transform
from adamx.core.tree_transform import TreeTransform
from adamx.types import Array


class Agreement(Rule):
    """Join to the update where it agrees with the gradient, divided by their share."""

    locality = "leaf"

    sign: float

    def __call__(self, update: Array, gradient: Array) -> Array:
        # A product of signs, because that of the numbers could underflow.
        agree = (jnp.sign(update) * jnp.sign(gradient).conj()).real * self.sign > 0
        mask = agree.astype(update.real.dtype)
        share = jnp.sum(mask) / max(mask.size, 1)
        return update * (mask / jnp.maximum(share, 1e-3))


@transform
def cautious(inner: TransformLike, *, flip_sign: bool = True) -> Rule | TreeTransform:
    """Drop the updates of `inner` that go up along the current gradient.

    m = 1 where u·g < 0, otherwise 0;  u ↦ u · m / max(mean(m), 10⁻³)

    The mean is over one leaf. Weight decay inside `inner` is masked too. In the paper's
    C-AdamW it is not: chain `cautious(scale_by_adam(), flip_sign=False)`, decay and
    learning rate.

    Args:
        inner: a transform, such as a whole optimizer.
        flip_sign: whether `inner` flips the sign, as optimizers do. False for
            pieces that emit directions like the gradient, as `scale_by_adam`.

    Returns:
        A transform that keeps the state of `inner`, under `update`.

    Reference:
        Liang et al., "Cautious Optimizers: Improving Training with One Line of Code",
        2024, arXiv:2411.16085.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.cautious(adamx.sgd(1.0, momentum=0.5))
        >>> state = tx.init(jnp.zeros(2))
        >>> _, state = tx.update(jnp.array([8.0, 1.0]), state)
        >>> tx.update(jnp.array([-1.0, 1.0]), state)[0].tolist()
        [-0.0, -3.0]
    """
    gradient = lift(Identity(), "identity")
    join = Agreement(-1.0 if flip_sign else 1.0)
    return forked("cautious", join, {"update": inner, "gradient": gradient})
