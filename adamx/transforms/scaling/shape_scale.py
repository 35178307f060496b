"""Scales of orthogonal updates that depend on the shape of the matrix."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeAlias

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import NonNegative
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult

ByShape: TypeAlias = Callable[[int, int], float]
"""A function from fan-in and fan-out to a factor."""

SHAPE_SCALES: Mapping[str, ByShape] = {
    # so that a step has the spectral norm √(out/in), but at least 1
    "width": lambda rows, cols: math.sqrt(max(1, cols / rows)),
    # so that a step changes the RMS of the output by at most the RMS of the input
    "spectral": lambda rows, cols: math.sqrt(cols / rows),
    # the same as "spectral", for one-hot inputs
    "out": lambda rows, cols: math.sqrt(cols),
    # so that the root mean square of a step does not depend on the shape
    "rms": lambda rows, cols: math.sqrt(max(rows, cols)),
    "none": lambda rows, cols: 1.0,
}

ShapeScale: TypeAlias = Annotated[
    Literal["width", "spectral", "out", "rms", "none"], OneOf(tuple(SHAPE_SCALES))
]


class ScaleByShape(Rule):
    locality = "leaf"

    consistent_rms: Hyper | None
    scale: str

    def degree(self) -> int:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        rows, cols = g.shape[-2:] if g.ndim > 1 else (1, g.size)
        if not g.size:
            return g, slots
        if self.consistent_rms is None:
            return g * SHAPE_SCALES[self.scale](rows, cols), slots
        return g * (self.consistent_rms * SHAPE_SCALES["rms"](rows, cols)), slots


@transform
def scale_by_shape(
    consistent_rms: NonNegative | None = None, *, scale: ShapeScale = "width"
) -> ScaleByShape:
    """Multiply each matrix by a number that depends on its shape.

    u = g · √max(1, out/in),  or  g · c · √max(in, out)  with c = `consistent_rms`

    Rows are fan-in and columns are fan-out, as in kernels of JAX: (in, out). A vector
    is one row. For matrices (out, in) of PyTorch the factor is √max(1, rows/columns).

    An orthogonal matrix has the root mean square 1/√max(in, out). With c = 0.2 it is
    0.2 for all shapes, about that of a step of AdamW at a learning rate of 1.

    Args:
        consistent_rms: c ≥ 0, which replaces `scale`; 0.2 is usual.
        scale: "width", √max(1, out/in), as Jordan; "spectral", √(out/in), as Scion and
            Dion; "out", √out, for one-hot inputs; "rms", √max(in, out); "none".

    Reference:
        Jordan et al., "Muon", 2024; Liu et al., "Muon is Scalable for LLM
        Training", 2025, arXiv:2502.16982, for c.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_shape()
        >>> tx.update(jnp.ones((1, 4)), {})[0].tolist()
        [[2.0, 2.0, 2.0, 2.0]]
    """
    return ScaleByShape(consistent_rms, scale)
