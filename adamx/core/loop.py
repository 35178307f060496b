"""Functions for training loops: the global norm, and target networks."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.apply import fitting
from adamx.numerics.dtypes import cast, cast_saturating, compute_dtype
from adamx.numerics.norms import scaled_norm
from adamx.tree.check import flatten_like
from adamx.tree.paths import flatten
from adamx.types import Array, ParamsT, PyTree, Scalar


def global_norm(updates: PyTree) -> Array:
    """Return the Euclidean norm of all numbers in a tree.

    ‖g‖ = √(Σ |gᵢ|²)

    Args:
        updates: any tree of arrays, such as gradients; None counts as zero.

    Returns:
        A real array of shape (), at least float32. Intermediate squares do not
        overflow; the norm of ∞ is ∞.

    Reference:
        The name is Optax's and TensorFlow's.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> grads = {"w": jnp.array([3.0, 0.0]), "b": jnp.array(4.0)}
        >>> float(adamx.global_norm(grads))
        5.0
    """
    unit, rest = scaled_norm([_float(x) for x in jax.tree.leaves(updates)])
    # The product would be NaN, because `rest` is NaN if a number is ∞.
    return jnp.where(jnp.isinf(unit), unit, unit * rest)


def _float(x: Array) -> Array:
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        x = x.astype(jnp.float32)
    return cast(x, compute_dtype(x.dtype))


def incremental_update(
    new_tensors: ParamsT, old_tensors: ParamsT, step_size: Scalar
) -> ParamsT:
    """Move `old_tensors` towards `new_tensors`, leaf by leaf.

    old ← step_size · new + (1 − step_size) · old

    Use it for target networks and averages of parameters. In a chain, `average_params`
    keeps an average of the parameters.

    Args:
        new_tensors: the tree to follow, such as the parameters.
        old_tensors: a tree like it, such as the target network's parameters.
        step_size: how far to go, a number or an array of shape ().

    Returns:
        The tree in the dtypes of `old_tensors`; each sum is taken in at least float32.
        A leaf that is None stays None; integers become floats.

    Raises:
        TransformError: the trees or the shapes of two leaves differ.

    Reference:
        The name is Optax's. Polyak & Juditsky, 1992, for averages.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> online, target = {"w": jnp.array(1.0)}, {"w": jnp.array(0.0)}
        >>> float(adamx.incremental_update(online, target, 0.25)["w"])
        0.25
    """

    def moved(new: Array, old: Array) -> Array:
        new, old = _float(new), jnp.asarray(old)
        kept = old.dtype if jnp.issubdtype(old.dtype, jnp.inexact) else new.dtype
        old = _float(old)
        step = jnp.asarray(step_size, old.real.dtype)
        return cast_saturating(step * new + (1 - step) * old, kept)

    return _joined(moved, new_tensors, old_tensors)


def periodic_update(
    new_tensors: ParamsT, old_tensors: ParamsT, steps: Scalar, update_period: Scalar
) -> ParamsT:
    """Return the new tree in every k-th step, and the old tree in other steps.

    Use it to copy a trained network to a target network.

    Args:
        new_tensors: a tree of arrays, such as the parameters.
        old_tensors: a tree like it, such as the target network's parameters.
        steps: the number of the step, an integer or an integer array of shape ().
        update_period: k ≥ 1; the new tree is returned if k divides `steps`.

    Returns:
        One of the two trees, in the dtypes of `old_tensors`.

    Raises:
        TransformError: the trees or the shapes of two leaves differ.

    Reference:
        The name is Optax's. Mnih et al., "Human-level control through deep
        reinforcement learning", 2015.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> online, target = jnp.array(1.0), jnp.array(0.0)
        >>> [float(adamx.periodic_update(online, target, t, 2)) for t in (1, 2)]
        [0.0, 1.0]
    """
    copies = jnp.asarray(steps) % update_period == 0

    def chosen(new: Array, old: Array) -> Array:
        return jnp.where(copies, jnp.asarray(new, jnp.result_type(old)), old)

    return _joined(chosen, new_tensors, old_tensors)


def _joined(function: Any, new: ParamsT, old: ParamsT) -> ParamsT:
    """Apply `function` to each pair of leaves; None where either leaf is None."""
    leaves, treedef = flatten(old)
    others = flatten_like(treedef, new, "new_tensors", old)
    there = fitting(leaves, others, old, "a new tensor does not fit the old one")
    joined = [None] * len(leaves)
    for i in there:
        joined[i] = function(others[i], leaves[i])
    return treedef.unflatten(joined)
