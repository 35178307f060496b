"""Views of leaves as matrices: which axes are rows and which are columns."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax

from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array


class MatrixView(PytreeDataclass):
    """The axes of an array that are batch axes, rows and columns of its matrices.

    Rows are fan-in and columns are fan-out, as in kernels of JAX: (in, out). An array
    is viewed with the shape (*batch, rows, cols). Several axes of rows, or of columns,
    are merged into one, in the order given here; without axes it has length 1. Optax's
    `MuonDimensionNumbers` are similar.

    With `parts` one axis is first cut into slices of these lengths, and each slice is a
    matrix, such as the queries, keys and values of one fused kernel.

    Attributes:
        batch: the batch axes, which are kept apart.
        rows: the axes of the rows.
        cols: the axes of the columns.
        parts: the lengths of the slices, ≥ 1, whose sum is the length of the axis;
            empty for one matrix.
        parts_axis: the axis that is cut; None for the last of `cols`.

    Example:
        >>> import adamx
        >>> heads = adamx.MatrixView(batch=(), rows=(0,), cols=(1, 2))
        >>> heads.shape((512, 8, 64))
        (512, 512)
        >>> fused = adamx.MatrixView((), (0,), (1,), parts=(512, 128, 128))
        >>> fused.shapes((512, 768))
        [(512, 512), (512, 128), (512, 128)]
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    cols: tuple[int, ...]
    parts: tuple[int, ...] = ()
    parts_axis: int | None = None

    def axes(self, ndim: int) -> tuple[int, ...]:
        """Return all axes, in the order of the view, none of them negative."""
        found = (*self.batch, *self.rows, *self.cols)
        return tuple(axis + ndim if axis < 0 else axis for axis in found)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether the view has each axis of `shape` once, and parts add up."""
        if sorted(self.axes(len(shape))) != list(range(len(shape))):
            return False
        if not self.parts:
            return True
        axis = self._cut_axis
        if axis is None or not -len(shape) <= axis < len(shape):
            return False
        return min(self.parts) > 0 and sum(self.parts) == shape[axis]

    @property
    def _cut_axis(self) -> int | None:
        """Return the axis that is cut into parts."""
        if self.parts_axis is None and self.cols:
            return self.cols[-1]
        return self.parts_axis

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the shapes of the matrices in an array of `shape`, one for each."""
        return [self.shape(part) for part in self._cut_shapes(shape)]

    def cut(self, x: Array) -> list[Array]:
        """Return the matrices in the array `x`, one for each part; see `see`."""
        if not self.parts:
            return [self.see(x)]
        axis = self._cut_axis
        assert axis is not None
        return [self.see(part) for part in jax.lax.split(x, self.parts, axis % x.ndim)]

    def join(self, parts: Sequence[Array], shape: tuple[int, ...]) -> Array:
        """Return the array of `shape` that `cut` made into matrices."""
        pairs = zip(parts, self._cut_shapes(shape), strict=True)
        whole = [self.back(part, cut) for part, cut in pairs]
        if not self.parts:
            return whole[0]
        axis = self._cut_axis
        assert axis is not None
        return jax.lax.concatenate(whole, axis % len(shape))

    def _cut_shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        if not self.parts:
            return [shape]
        axis = self._cut_axis
        assert axis is not None
        axis = axis % len(shape)
        return [(*shape[:axis], n, *shape[axis + 1 :]) for n in self.parts]

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the view of an array of `shape`, without parts."""

        rows, cols = (
            math.prod(shape[axis] for axis in axes) for axes in (self.rows, self.cols)
        )
        return (*(shape[axis] for axis in self.batch), rows, cols)

    def see(self, x: Array) -> Array:
        """Return `x` as matrices; no operation if that changes nothing."""
        moved = jax.lax.transpose(x, self.axes(x.ndim)) if self._moves(x.ndim) else x
        new = self.shape(x.shape)
        return moved if moved.shape == new else moved.reshape(new)

    def back(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Return the array of `shape` that `see` made into matrices."""
        axes = self.axes(len(shape))
        apart = tuple(shape[axis] for axis in axes)
        x = x if x.shape == apart else x.reshape(apart)
        if not self._moves(len(shape)):
            return x
        return jax.lax.transpose(x, [axes.index(i) for i in range(len(shape))])

    def _moves(self, ndim: int) -> bool:
        return self.axes(ndim) != tuple(range(ndim))


View: TypeAlias = Callable[[str, tuple[int, ...]], MatrixView]
"""A function `(path, shape) -> MatrixView`, with paths like `layer/w`."""


def matrix_view(path: str, shape: tuple[int, ...]) -> MatrixView:
    """Return the default view of a leaf, by its number of axes alone.

    - two axes: a matrix, (in, out)
    - three axes: a stack of matrices, as in a scan over layers, (layers, in, out)
    - four or more: columns are the last axis and rows all others, as in kernels of
      convolutions, (height, width, in, out)
    - a vector: one row, as a bias is (1, out)
    - a scalar: one row and one column

    Kernels of Equinox and PyTorch, (out, in, …), need `out_in_view`. Some kernels need
    a function of your own: a convolution along one axis, (width, in, out), or
    attention, (in, heads, size).

    Args:
        path: the path of the leaf, as `layer_0/kernel`; ignored.
        shape: the shape of the leaf.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        which flattens PyTorch's (out, in, height, width) to out × the rest.

    Example:
        >>> import adamx
        >>> adamx.matrix_view("conv/kernel", (3, 3, 16, 32)).shape((3, 3, 16, 32))
        (144, 32)
    """
    axes = tuple(range(len(shape)))
    batch = 1 if len(axes) == 3 else 0
    return MatrixView(axes[:batch], axes[batch:-1], axes[max(batch, len(axes) - 1) :])


def out_in_view(path: str, shape: tuple[int, ...]) -> MatrixView:
    """Return the view of a kernel whose first axis is fan-out: (out, in, …).

    Use it for kernels of Equinox and PyTorch; those of Flax, Haiku and Keras are
    (in, out). Columns are the first axis, rows are all others: (out, in, height, width)
    is viewed as (in·height·width, out). A vector is one row.

    For a stack of layers, (layers, out, in), use a function of your own:
    `lambda path, shape: adamx.MatrixView((0,), (2,), (1,))`.

    See `matrix_view` for the other arguments.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        whose matrices are (out, in × height × width).

    Example:
        >>> import adamx
        >>> adamx.out_in_view("linear/weight", (256, 64)).shape((256, 64))
        (64, 256)
        >>> adamx.out_in_view("conv/weight", (32, 16, 3, 3)).shape((32, 16, 3, 3))
        (144, 32)
    """
    axes = tuple(range(len(shape)))
    return MatrixView((), axes[1:], axes[:1])
