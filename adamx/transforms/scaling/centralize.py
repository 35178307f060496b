"""Gradient centralization: subtraction of the mean of each output's gradient."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.types import Array, Param, Shared, Slots, StepResult


class Centralize(Rule):
    locality = "leaf"

    axis: int

    def degree(self) -> int:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if g.ndim < 2:
            return g, slots
        others = tuple(i for i in range(g.ndim) if i != self.axis % g.ndim)
        return g - jnp.mean(g, axis=others, keepdims=True), slots


@transform
def centralize(axis: int = 0) -> Centralize:
    """Subtract from the updates of each output their mean.

    u = g − mean(g), over all axes except that of the outputs; vectors and scalars are
    unchanged

    Weights of PyTorch have the axis of the outputs first, and Optax assumes so; kernels
    of Flax and Keras have it last.

    Args:
        axis: the axis of the outputs, an integer: 0, or −1 for Flax and Keras.

    Reference:
        Yong et al., "Gradient Centralization: A New Optimization Technique for Deep
        Neural Networks", 2020, arXiv:2004.01461.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.centralize()
        >>> tx.update(jnp.array([[1.0, 3.0], [4.0, 4.0]]), {})[0].tolist()
        [[-1.0, 1.0], [0.0, 0.0]]
    """
    return Centralize(axis)
