"""The parameters and gradients that laws are tried on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adamx.types import Params, Updates

NARROW = ("float16", "bfloat16")
DTYPES = (*NARROW, "float32", "float64")


def on_device(x: Any, dtype: Any) -> jax.Array:
    """Return an array of jax, without the program that `jnp.asarray` compiles."""
    return jax.device_put(np.asarray(x, jnp.dtype(dtype)))


def params(dtype: str = "float32") -> dict[str, Any]:
    """Make a matrix, a vector and a scalar of one dtype, or of three if "mixed"."""
    rng = np.random.default_rng(0)
    shapes = {"w": (2, 3), "b": (3,)}
    each = dict.fromkeys([*shapes, "scalar"], dtype)
    if dtype == "mixed":
        each = {"w": "bfloat16", "b": "float16", "scalar": "float32"}
    layer = {k: on_device(rng.normal(size=s), each[k]) for k, s in shapes.items()}
    return {"layer": layer, "scalar": on_device(0.5, each["scalar"])}


def grads(like: Params, seed: int = 0) -> Any:
    """Draw normal numbers in the shapes and dtypes of a tree.

    A leaf of one number has positive gradients: where terms cancel, rounding is judged
    by the other numbers of the leaf, and it has none.
    """
    rng = np.random.default_rng(seed + 1)

    def normal(p: Any) -> jax.Array:
        x = rng.normal(size=jnp.shape(p))
        if jnp.iscomplexobj(p):
            x = x + 1j * rng.normal(size=jnp.shape(p))
        if not x.shape:
            x = abs(x) + 0.5
        return on_device(x, jnp.result_type(p))

    return jax.tree.map(normal, like)


def cast(tree: Any, dtype: Any) -> Any:
    """Return all leaves of a tree in one dtype."""
    return jax.tree.map(lambda x: on_device(x, dtype), tree)


def stacked(trees: list[Any]) -> Any:
    """Stack trees of one structure along a new first axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


SHAPES = {"scalar": (), "vector": (5,), "matrix": (3, 4), "cube": (2, 3, 2)}
STEPS = 60


def problem(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make parameters, and gradients of mixed scale with exact zeros.

    Args:
        seed: of the random numbers.

    Returns:
        A dict of float64 NumPy arrays from shape () to three dimensions, and a list of
        60 such dicts, whose numbers are of scales from 1e-4 to 1e2 and to a fifth 0.

    Example:
        >>> params, grads = problem(0)
        >>> params["matrix"].shape, len(grads)
        ((3, 4), 60)
    """
    rng = np.random.default_rng(seed)
    start = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    scales = {k: 10.0 ** rng.uniform(-4, 2, size=s) for k, s in SHAPES.items()}
    return start, [
        {
            name: rng.normal(size=shape) * scales[name] * (rng.random(shape) > 0.2)
            for name, shape in SHAPES.items()
        }
        for _ in range(STEPS)
    ]


class Trajectory(NamedTuple):
    """Where an independent implementation goes, in float64.

    Attributes:
        params: the first parameters, NumPy arrays by name.
        grads: the gradients of each step, alike.
        path: the parameters after each step, stacked: shape (steps, …) by name.
        tolerance: how far one may be away in float64, in the largest step.

    Example:
        >>> import numpy as np
        >>> path = {"w": np.array([0.9, 0.8])}
        >>> Trajectory({"w": np.array(1.0)}, [{"w": np.array(1.0)}] * 2, path).path["w"]
        array([0.9, 0.8])
    """

    params: Mapping[str, np.ndarray]
    grads: list[Updates]
    path: Mapping[str, np.ndarray]
    tolerance: float = 1e-12


def trajectory(function: Callable[..., Any], seed: int) -> Trajectory:
    """Return the path of a reference on `problem(seed)`.

    Args:
        function: from the parameters and the list of gradients, dicts of float64 NumPy
            arrays, to the parameters after each step: arrays of shape (steps, …).
        seed: of the problem.

    Returns:
        The trajectory, to be given to `check_transform`.

    Raises:
        KeyError: the function leaves out a parameter.

    Example:
        >>> import numpy as np
        >>> def descent(params, grads):
        ...     steps = {k: np.cumsum([g[k] for g in grads], 0) for k in params}
        ...     return {k: params[k] - 0.1 * steps[k] for k in params}
        >>> trajectory(descent, 0).path["matrix"].shape
        (60, 3, 4)
    """
    start, gradients = problem(seed)
    path = function(start, gradients)
    return Trajectory(start, gradients, {name: path[name] for name in start})
