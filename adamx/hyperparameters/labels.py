"""Masks and labels: one static value for each leaf, by structure and path."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeAlias

import jax
import numpy as np
from jax.core import Tracer

from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Check
from adamx.hyperparameters.user_code import OF_STRUCTURE, user_code
from adamx.tree.boxes import unbox
from adamx.tree.callables import is_function, prefix_leaves, wanted
from adamx.tree.check import path_of
from adamx.tree.kinds import kind_of, shown_value
from adamx.tree.paths import MISFITS, first_difference, flatten, simple_paths
from adamx.types import Params, PyTree


class StaticLabels(Check):
    """Check for labels, which converts each label to a static value."""

    numbers: bool = False
    """Whether a label may be an array, with one entry for each number of a leaf."""

    def check(self, piece: str, name: str, value: Any) -> Any:
        """Return `value` with Python values for its arrays of shape ()."""
        # A callable tree is checked as a tree, because it may be an Equinox module.
        if callable(value) and is_function(value, value):
            return value
        found = static(value, f"{piece}: {name}", numbers=self.numbers)
        names = [x for x in jax.tree.leaves(found) if isinstance(x, str)]
        if names and not name.endswith("labels"):
            raise TransformError(
                f"{piece}: {name} must be of bools, not {kind_of(value).text}",
                expected="a tree of bools like the parameters, or a function",
                got=shown_value(value),
                hint=f"by path: {name}=lambda path, leaf: path.endswith({names[0]!r})",
            )
        return found


Labels: TypeAlias = Annotated[PyTree | Callable[..., Any], StaticLabels()]
"""A tree of labels like the parameters (or a prefix of it), a function from the
parameters to this tree, or a function `(path, leaf) -> label`."""


Masks: TypeAlias = Annotated[PyTree | Callable[..., Any], StaticLabels(numbers=True)]
"""`Labels` that are bools, or arrays of bools in the shapes of leaves."""


def labels_of(
    labels: Labels,
    params: Params,
    piece: str,
    argument: str = "mask",
    *,
    numbers: bool = False,
) -> list[Any]:
    """Return the static label of each leaf of `params`.

    A function may read structure, paths and shapes alone. With `numbers`, an array of
    labels, one for each number of a leaf, stays unchanged.

    Raises:
        TransformError: the labels have another structure, or are not static.
    """
    if is_function(labels, params):
        function = labels
        with user_code(argument, piece, OF_STRUCTURE):
            if wanted(function).required == 2:
                found = _constants(lambda: _by_path(function, params))
                where = partial(path_of, params)
                return _static_leaves(found, where, piece, numbers=numbers)
            labels = _constants(lambda: function(params))
    try:
        found = prefix_leaves(labels, params)
    except MISFITS:
        where, expected, got = first_difference(
            unbox(params), unbox(labels), prefix=True
        )
    else:
        where = partial(path_of, params)
        return _static_leaves(found, where, piece, numbers=numbers)
    raise TransformError(
        "the labels are a tree of another structure than the parameters",
        where=where,
        piece=piece,
        expected=f"{expected}, as in the parameters, or a label for it",
        got=got,
        hint="give a tree like the parameters (or a prefix of it), or a function",
    )


def _constants(call: Callable[[], Any]) -> Any:
    """Return the result of `call`, with constants for labels even under a trace."""
    found = call()
    if any(isinstance(x, Tracer) for x in jax.tree.leaves(found)):
        # Otherwise `jnp.array(True)` is a tracer under a trace.
        with jax.ensure_compile_time_eval():
            found = call()
    return found


def _by_path(function: Callable[..., Any], params: Params) -> list[Any]:
    """Return `function(path, leaf)` for each leaf, and None for None."""
    pairs = zip(simple_paths(params), flatten(params)[0], strict=True)
    return [
        None
        if leaf is None
        else function(path, leaf if hasattr(leaf, "shape") else np.asarray(leaf))
        for path, leaf in pairs
    ]


def static(tree: PyTree, what: str, *, numbers: bool = False) -> PyTree:
    """Return `tree` with Python values for its arrays of shape ().

    With `numbers`, arrays of other shapes stay unchanged.

    Raises:
        TransformError: an array has another shape or is traced; the error has the path.
    """
    leaves, treedef = flatten(tree)
    where = partial(path_of, tree)
    return treedef.unflatten(_static_leaves(leaves, where, what, numbers=numbers))


def _static_leaves(
    leaves: list[Any], where: Callable[[int], str], what: str, *, numbers: bool
) -> list[Any]:
    kinds = jax.Array, np.ndarray, np.generic
    arrays = {i: x for i, x in enumerate(leaves) if isinstance(x, kinds)}
    if numbers:
        arrays = {i: x for i, x in arrays.items() if x.ndim == 0}
    for i, x in arrays.items():
        traced = isinstance(x, Tracer)
        if traced or np.shape(x) != ():
            raise TransformError(
                f"{what} must have one static label for each leaf",
                where=where(i),
                expected="a bool or another label, or an array of shape () of one",
                got=f"a traced {x.aval}" if traced else f"an array of {np.shape(x)}",
                hint="compute the labels outside of jit" if traced else None,
            )
    return [x.item() if i in arrays else x for i, x in enumerate(leaves)]
