"""Convert a state of a PyTorch optimizer, without importing PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adamx.core.transform import TransformLike
from adamx.errors import TransformError
from adamx.interop.adopt import adopted, one_count
from adamx.tree.paths import flatten, simple_paths
from adamx.types import Params

MOMENTS: Mapping[str, str] = {
    "exp_avg": "mu",
    "exp_avg_sq": "nu",
    "max_exp_avg_sq": "nu_max",
    "momentum_buffer": "trace",
}
"""The names of moments in PyTorch, and in adamx."""


def from_torch(
    state_dict: Mapping[str, Any],
    tx: TransformLike,
    params: Params,
    names: Sequence[str],
    *,
    transform: Callable[[str, np.ndarray], np.ndarray] | None = None,
    count: int | None = None,
) -> dict[str, Any]:
    """Return the state of `tx` that continues from a PyTorch optimizer.

    It converts states of PyTorch 2: of Adam, AdamW, AMSGrad, NAdam with a constant
    momentum, and SGD with momentum. Hyperparameters are those of `tx`, not those in
    `param_groups`. Kernels are only transposed by `transform`: `Linear` of PyTorch
    keeps (out, in), Flax (in, out).

    See `from_optax` for the other arguments.

    Args:
        state_dict: the result of `optimizer.state_dict()`, of tensors or arrays.
        names: the path in `params`, such as `layer/w`, of each parameter of the
            optimizer, in the optimizer's order. Leaves that `tx` freezes are left out.
        transform: a function of the path and the array from PyTorch that returns an
            array of the shape of the leaf.

    Returns:
        The state for `tx.update`, like `tx.init(params)`.

    Raises:
        TransformError: `names` are not paths of `params`, each once; shapes differ; or
            an entry of either state has no counterpart in the other.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> import adamx
        >>> theirs = {
        ...     "state": {0: {"momentum_buffer": np.array([2.0])}},
        ...     "param_groups": [{"lr": 0.5, "params": [0]}],
        ... }
        >>> tx, params = adamx.sgd(0.5, momentum=0.5), {"w": jnp.ones(1)}
        >>> state = adamx.from_torch(theirs, tx, params, ["w"])
        >>> tx.update({"w": jnp.ones(1)}, state)[0]["w"].tolist()
        [-1.0]
    """
    order = _order(state_dict)
    paths = simple_paths(params)
    _check_names(names, order, paths, params)
    numbers = dict(zip(names, order, strict=True))
    known = {"step", *MOMENTS}
    moments: dict[str, list[Any]] = {}
    counts: dict[int, str] = {}
    for at, path in enumerate(paths):
        for key, value in state_dict["state"].get(numbers.get(path), {}).items():
            if value is None:
                continue
            if key not in known:
                raise TransformError(
                    f"PyTorch's {key!r} is not known here",
                    where=path,
                    expected=f"one of {sorted(known)}",
                    got=repr(key),
                )
            array = _numpy(value)
            if key == "step":
                counts.setdefault(int(array), path)
                continue
            column = moments.setdefault(MOMENTS[key], [None] * len(paths))
            column[at] = array if transform is None else transform(path, array)
    if count is None:
        wrong = "PyTorch's parameters have taken different numbers of steps"
        count = one_count({path: n for n, path in counts.items()}, wrong)
    return adopted(tx, params, moments, count, {})


def _order(state_dict: Any) -> list[Any]:
    """Return PyTorch's indices of the parameters, in the order of the optimizer."""
    try:
        groups, _ = state_dict["param_groups"], state_dict["state"]
        return [number for group in groups for number in group["params"]]
    except (TypeError, KeyError) as error:
        got = sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict)
        raise TransformError(
            "this is no state dict of a PyTorch optimizer",
            expected="what optimizer.state_dict() returns: 'state', 'param_groups'",
            got=got,
        ) from error


def _check_names(
    names: Sequence[str], order: list[Any], paths: list[str], params: Params
) -> None:
    there = [p for p, x in zip(paths, flatten(params)[0], strict=True) if x is not None]
    wrong = [name for name in names if name not in there]
    twice = sorted({name for name in names if [*names].count(name) > 1})
    if len(names) == len(order) and not (wrong or twice):
        return
    rows = {"not in params": wrong, "twice": twice}
    told = [f"{what}: {', '.join(x)}" for what, x in rows.items() if x]
    raise TransformError(
        "names must be the paths of the leaves in PyTorch's order, each once",
        expected=f"{len(order)} of {', '.join(there)}",
        got="; ".join([f"{len(names)} names", *told]),
    )


def _numpy(x: Any) -> np.ndarray:
    """Return a PyTorch tensor, or another array, as a NumPy array."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        try:
            return x.numpy()
        except TypeError:  # NumPy has no bfloat16
            return x.double().numpy()
    return np.asarray(x)
