"""Explicit meshes, on which the type of an array includes its sharding.

JAX asks for the sharding of each product and reshape there. Rules that act on whole
arrays leave inner shardings to XLA, and set only the shardings of their results.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import AxisType, auto_axes

from adamx.types import Array, PyTree


def is_typed(x: Array) -> bool:
    """Return whether the type of an array includes its sharding."""
    return AxisType.Explicit in jax.typeof(x).sharding.mesh.axis_types


def beside_old(x: Array, old: Any) -> Array:
    """Return `x` with the sharding of `old`, if `old` is on several devices."""
    concrete = isinstance(old, jax.Array) and not isinstance(old, Tracer)
    # An array on one device follows the arrays that it is computed with.
    spread = concrete and len(old.devices()) > 1
    return jax.device_put(x, old.sharding) if spread else x


def spread_as(places: PyTree, function: Callable[..., PyTree], *args: Any) -> PyTree:
    """Call `function(*args)`; `places` has the sharding of each array of the result."""
    return auto_axes(function, out_sharding=places)(*args)  # pyright: ignore


def spread_like(like: PyTree, function: Callable[..., PyTree], *args: Any) -> PyTree:
    """Call `function(*args)`; its results get the shardings of the arrays of `like`."""
    if not is_typed(jax.tree.leaves(like)[0]):
        return function(*args)
    places = jax.tree.map(lambda x: jax.typeof(x).sharding, like)
    return spread_as(places, function, *args)


def match_sharding(x: Array, like: Array) -> Array:
    """Return `x` with the sharding of `like`, and NaN where `like` is NaN.

    XLA gives the result of an elementwise operation the sharding of its operands, but
    chooses the sharding of a product of matrices itself.
    """
    return jnp.where(like == like, x, like)
