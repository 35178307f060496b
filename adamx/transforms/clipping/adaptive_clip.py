"""Adaptive clipping: gradients no larger than a share of their parameters."""

from typing import TypeAlias

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.norms import norm_of, shrunk
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult

Axis: TypeAlias = int | tuple[int, ...] | None


class AdaptiveGradClip(Rule):
    locality = "leaf"
    needs_params = True

    clipping: Hyper
    eps: Hyper
    axis: Axis

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        axes = _unit(g.shape, self.axis)
        unit, rest = norm_of(param, axes)
        size = jnp.maximum(self.clipping * unit * rest, self.clipping * self.eps)
        by, times = shrunk(norm_of(g, axes), size)
        return g / by * times, slots


def _unit(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Return the axes of the weights of one output."""
    dims = len(shape)
    if dims < 2 or (axis is None and sum(n != 1 for n in shape) < 2):
        return tuple(range(dims))
    if axis is None:
        return (0,) if dims == 3 else tuple(range(dims - 1))
    axes = (axis,) if isinstance(axis, int) else axis
    if not all(-dims <= i < dims for i in axes):
        raise TransformError(
            "adaptive_grad_clip: axis is not one of the leaf's",
            expected=f"axes from {-dims} to {dims - 1}, for a leaf of shape {shape}",
            got=repr(axis),
            hint="give leaves of other layouts an axis of their own: adamx.partition",
        )
    return tuple(sorted(i % dims for i in axes))


@transform
def adaptive_grad_clip(
    clipping: NonNegative,
    eps: NonNegative = 1e-3,
    axis: Axis = None,
) -> AdaptiveGradClip:
    """Clip the gradient of each unit to a share of the norm of its weights.

    u = g · min(1, λ·max(‖θ‖, ε) / ‖g‖), where norms are over the weights of one output

    The units depend on the shape, as in the code of the paper, whose kernels have the
    axis of the outputs last (Flax, Keras):

        scalars, vectors, (1, n)     the whole leaf
        (in, out)                    each column
        (in, heads, out)             all numbers with equal last two indices
        (height, width, in, out)     all numbers with equal last index; also with five
                                     axes or more

    A NaN or ∞ in the gradient of a unit makes only that unit NaN. The paper does not
    clip the last linear layer: use `masked`.

    Args:
        clipping: λ ≥ 0; 0.01 in the paper, for batches of 4096.
        eps: ε ≥ 0, the smallest norm of weights, so that weights of zero can change.
        axis: the axes of the norms, for leaves of two axes or more; None for the table
            above. For linear layers of PyTorch, (out, in), it is 1.

    Reference:
        Brock, De, Smith & Simonyan, "High-Performance Large-Scale Image Recognition
        Without Normalization", 2021, arXiv:2102.06171.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.adaptive_grad_clip(0.5)
        >>> params = jnp.array([[3.0, 3.0], [4.0, 4.0]])
        >>> grads = jnp.array([[5.0, 0.25], [0.0, 0.5]])
        >>> tx.update(grads, tx.init(params), params)[0].tolist()
        [[2.5, 0.25], [0.0, 0.5]]
    """
    return AdaptiveGradClip(clipping, eps, axis)
