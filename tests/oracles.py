"""The oracles, run as their own users run them, in float64."""

import os
from functools import partial
from typing import Any

import numpy as np

from adamx.testing import Trajectory, trajectory
from tests.specs import RATE, Spec


def reference(spec: Spec, seed: int) -> Trajectory:
    """Where the oracle goes on `problem(seed)`."""
    oracle = {"torch": _torch, "keras": _keras}[spec.library]
    return trajectory(partial(oracle, spec), seed)


def _torch(spec: Spec, params: Any, grads: Any) -> dict[str, np.ndarray]:
    import torch  # pyright: ignore[reportMissingImports]

    tensors = {k: torch.tensor(p, dtype=torch.float64) for k, p in params.items()}
    options = dict(spec.options)
    optimizer = getattr(torch.optim, spec.oracle)(tensors.values(), lr=RATE, **options)
    path: dict[str, list[Any]] = {name: [] for name in params}
    for grad in grads:
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grad[name], dtype=torch.float64)
        optimizer.step()
        for name, tensor in tensors.items():
            path[name].append(tensor.numpy().copy())
    return {name: np.stack(steps) for name, steps in path.items()}


def _keras(spec: Spec, params: Any, grads: Any) -> dict[str, np.ndarray]:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras  # pyright: ignore[reportMissingImports]

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        options = dict(spec.options)
        rate: Any = RATE
        if "decay" in options:
            decay = options.pop("decay")
            rate = keras.optimizers.schedules.InverseTimeDecay(RATE, 1, decay)
        optimizer = getattr(keras.optimizers, spec.oracle)(rate, **options)
        variables = {k: keras.Variable(p, dtype="float64") for k, p in params.items()}
        path: dict[str, list[Any]] = {name: [] for name in params}
        for grad in grads:
            optimizer.apply([grad[name] for name in variables], [*variables.values()])
            for name, variable in variables.items():
                path[name].append(np.asarray(variable))
        return {name: np.stack(steps) for name, steps in path.items()}
    finally:
        keras.config.set_floatx(before)
