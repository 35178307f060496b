"""Comparisons of trees that say which leaf differs, and in what."""

from collections.abc import Iterator
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.law import GAIN, Violation, require
from adamx.tree.leaves import is_prng_key


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Return the leaves of a tree with their key paths; keys as their numbers."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if is_prng_key(leaf):
            abstract = isinstance(leaf, jax.ShapeDtypeStruct)
            numbers = jax.random.key_data
            leaf = jax.eval_shape(numbers, leaf) if abstract else numbers(leaf)
        yield jax.tree_util.keystr(path) or "the whole tree (it is one leaf)", leaf


def same(got: Any, expected: Any, what: str, ulps: float = 0) -> None:
    """Require equal structures, shapes and dtypes, and equal numbers.

    Numbers may differ by `ulps` units in the last place of the number, and by half of
    that of the largest in the leaf: where terms cancel, that is how far the rounding
    of the terms is seen. A subject's `gain` multiplies these units.
    """
    alike(got, expected, what)
    for (where, a), (_, b) in zip(leaves(got), leaves(expected), strict=True):
        inexact = jnp.issubdtype(b.dtype, jnp.inexact)
        eps = float(jnp.finfo(b.dtype).eps) if inexact else 0
        close(a, b, what, where, ulps * eps * GAIN.get())


def close(
    got: Any, expected: Any, what: str, where: str, rtol: float, size: float = 0
) -> None:
    """Require numbers within `rtol` of themselves, and half of that of the largest.

    `size` replaces the largest number, if the terms of the numbers are larger.
    """
    x, y = wide(got), wide(expected)
    size = np.max(np.abs(y[np.isfinite(y)]), initial=size)
    with np.errstate(invalid="ignore"):
        near = np.abs(x - y) <= rtol * np.abs(y) + rtol / 2 * size
    wrong = ~(near | (x == y) | (np.isnan(x) & np.isnan(y)))
    if wrong.any():
        shape = f" ({int(wrong.sum())} of {wrong.size} numbers; these are the first)"
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"{where}, index {first}" if first else where
        raise Violation(
            what + (shape if x.ndim else ""),
            where=place,
            expected=f"{y[first]!s} ± {rtol * np.abs(y[first]) + rtol / 2 * size:.1e}",
            got=f"{x[first]!s}, {np.abs(x[first] - y[first]):.1e} away",
        )


def alike(got: Any, expected: Any, what: str, *, weak: bool = False) -> None:
    """Require equal structures, shapes and dtypes (and weak types, where asked)."""
    try:
        chex.assert_trees_all_equal_structs(got, expected)
    except AssertionError:
        a, b = jax.tree.structure(got), jax.tree.structure(expected)
        message = f"{what}: the trees are of different structure"
        raise Violation(message, expected=b, got=a) from None
    for (where, a), (_, b) in zip(leaves(got), leaves(expected), strict=True):
        require(
            outline(a, weak) == outline(b, weak),
            f"{what}: shapes or dtypes differ",
            where=where,
            expected=outline(b, weak),
            got=outline(a, weak),
        )


def finite(tree: Any, what: str) -> None:
    """Require that no number is infinite or NaN."""
    for where, leaf in leaves(tree):
        got = wide(leaf)
        require(
            bool(np.isfinite(got).all()),
            what,
            where=where,
            expected="finite numbers",
            got=got,
        )


def outline(x: Any, weak: bool = False) -> str:
    """Return dtype and shape, as `float32[2,3]`, and with `weak` the weak type."""
    aval = jax.typeof(x) if not isinstance(x, jax.ShapeDtypeStruct) else x
    text = f"{aval.dtype}[{','.join(map(str, aval.shape))}]"
    is_weak = weak and getattr(aval, "weak_type", False)
    return f"weakly typed {text}" if is_weak else text


def wide(x: Any) -> np.ndarray:
    """Return an array as float64 or complex128 of NumPy."""
    return np.asarray(x).astype(np.complex128 if jnp.iscomplexobj(x) else np.float64)
