"""Masks by path and shape: weights, matrices, and the hidden matrices of Muon."""

import re
from collections.abc import Callable
from typing import Any

from adamx.hyperparameters.labels import Labels
from adamx.linalg.matrix_view import MatrixView, View, matrix_view
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array


def is_bias_or_norm(path: str) -> bool:
    """Return whether the last two names of a path denote a bias or a norm."""
    *_, owner, name = ("", *path.lower().split("/"))
    return bool(_SMALL.search(name) or _NORM.search(owner))


_SMALL = re.compile("bias|norm|offset|^(b|scale|gamma|beta)$")
_NORM = re.compile(r"norm|^(ln|bn|gn)(\d|_|$)")


def is_weight(path: str, leaf: Array) -> bool:
    """Return whether a parameter should decay: a matrix, neither a bias nor a norm.

    A weight has at least two axes longer than 1. Its path must not name a bias or a
    norm, because stacks of these have two axes too. Case is ignored. These are not
    weights:

        biases    the last name is b or beta, or contains "bias" or "offset"
        norms     the last name is scale or gamma; or one of the last two contains
                  "norm"; or the last but one is ln, bn or gn, or one of these with a
                  number, as ln_1

    Use it as a mask for `add_decayed_weights` and `adamw`.

    Args:
        path: as `layer_0/kernel`.
        leaf: an array, or anything with a `shape`.

    Reference:
        He et al., "Bag of Tricks for Image Classification with Convolutional Neural
        Networks", 2018, arXiv:1812.01187, for the practice.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
        >>> tx = adamx.adamw(0.0, weight_decay=1.0, mask=adamx.is_weight)
        >>> [adamx.is_weight(path, leaf) for path, leaf in params.items()]
        [True, False]
    """
    long = sum(length > 1 for length in leaf.shape)
    return long > 1 and not is_bias_or_norm(path)


def has_sides(path: str, leaf: Array, view: View = matrix_view) -> bool:
    """Return whether a leaf has a matrix whose sides are both longer than 1."""
    found = view(path, leaf.shape)
    if not (isinstance(found, MatrixView) and found.fits(leaf.shape)):
        return True  # `as_matrices` raises the error about a wrong view
    return any(min(shape[-2:]) > 1 for shape in found.shapes(leaf.shape))


def is_hidden_matrix(path: str, leaf: Array) -> bool:
    """Return whether a parameter is a matrix between hidden layers, for `muon`.

    Both sides of its matrix must be longer than 1, and its path must not exclude it.
    The matrix is that of `matrix_view`, or of the argument `view` of `muon`: a
    depthwise convolution, (width, 1, out), is a stack of vectors. Case is ignored.
    These are not hidden matrices:

        embeddings    a name contains "embed", or is wte or wpe
        heads         a name is head, classifier or logits, or ends in _head; or the
                      first name after params is output or begins with output_
        biases, norms as in `is_weight`

    A head of another name counts as a hidden matrix: check
    `adamx.describe(tx, params)`, and pass a function of your own.

    See `is_weight` for the other arguments.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> kernel = jnp.ones((4, 4))
        >>> paths = "layer_0/attention/output/kernel", "lm_head/kernel", "wte/embedding"
        >>> [adamx.is_hidden_matrix(path, kernel) for path in paths]
        [True, False, False]
    """
    return _is_hidden(path, leaf, matrix_view)


def _is_hidden(path: str, leaf: Array, view: View) -> bool:
    names = path.lower().removeprefix("params/").split("/")
    outer = any(_OUTER.search(name) for name in names) or _OUTPUT.search(names[0])
    return is_weight(path, leaf) and not outer and has_sides(path, leaf, view)


_OUTER = re.compile("embed|^(wte|wpe|classifier|logits)$|(^|_)head$")
_OUTPUT = re.compile("^output(_|$)")


class Seen(PytreeDataclass):
    """A mask that depends on a leaf's path, its shape and its view."""

    rule: Callable[[str, Any, View], bool]
    view: View

    def __call__(self, path: str, leaf: Any) -> bool:
        return self.rule(path, leaf, self.view)


def through(view: View | None, matrices: Labels) -> Labels:
    """Return the mask `matrices`; if it is adamx's own, it uses `view`."""
    if view is None:
        return matrices
    if matrices is is_hidden_matrix:
        return Seen(_is_hidden, view)
    return Seen(has_sides, view) if matrices is every_matrix else matrices


def every_matrix(path: str, leaf: Array) -> bool:
    """Return whether a leaf has a matrix, in the default view, with two long sides."""
    return has_sides(path, leaf)
