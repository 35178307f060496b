"""Meshes where the type of an array says how it is spread over the devices.

There each product or reshape would have to say it of its result. What looks at whole
arrays leaves that to XLA, and says it of the results that leave it alone.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import AxisType, auto_axes

from adamx.types import Array, PyTree


def is_typed(x: Array) -> bool:
    """Whether the type of an array says how it is spread."""
    return AxisType.Explicit in jax.typeof(x).sharding.mesh.axis_types


def beside_old(x: Array, old: Any) -> Array:
    """Return `x`, over several devices if `old`, whose place it takes, is."""
    concrete = isinstance(old, jax.Array) and not isinstance(old, Tracer)
    # An array on one device follows the arrays that it is computed with.
    spread = concrete and len(old.devices()) > 1
    return jax.device_put(x, old.sharding) if spread else x


def spread_as(places: PyTree, function: Callable[..., PyTree], *args: Any) -> PyTree:
    """`function(*args)`, where `places` has a sharding for each array of the result."""
    return auto_axes(function, out_sharding=places)(*args)  # pyright: ignore


def spread_like(like: PyTree, function: Callable[..., PyTree], *args: Any) -> PyTree:
    """`function(*args)`, its results spread as the arrays of `like`, one for one."""
    if not is_typed(jax.tree.leaves(like)[0]):
        return function(*args)
    places = jax.tree.map(lambda x: jax.typeof(x).sharding, like)
    return spread_as(places, function, *args)
