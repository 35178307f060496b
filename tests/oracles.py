"""The oracles, run as their own users run them, in float64."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.spec import RATE, Oracle, Path


def torch_path(
    name: str,
    library: str = "torch.optim",
    step: Callable[..., Any] | None = None,
    **options: Any,
) -> Oracle:
    """The path of an optimizer class with PyTorch's interface, at lr = `RATE`."""

    def build(tensors: list[Any]) -> Any:
        return getattr(importlib.import_module(library), name)(
            tensors, **{"lr": RATE, **options}
        )

    return torch_steps(build, step)


def torch_steps(
    build: Callable[[list[Any]], Any], step: Callable[..., Any] | None = None
) -> Oracle:
    """The path of what `build` makes of a list of tensors.

    `step(optimizer, tensors)` takes a step where `optimizer.step()` is not all of it.
    """

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        import torch  # pyright: ignore[reportMissingImports]

        tensors = {
            k: torch.tensor(p, dtype=torch.float64, requires_grad=True)
            for k, p in params.items()
        }
        optimizer = build(list(tensors.values()))
        path: dict[str, list[Any]] = {name: [] for name in params}
        for grad in grads:
            for name, tensor in tensors.items():
                tensor.grad = torch.tensor(grad[name], dtype=torch.float64)
            if step is None:
                optimizer.step()
            else:
                step(optimizer, tensors)
            for name, tensor in tensors.items():
                path[name].append(tensor.detach().numpy().copy())
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def in_float64(optimizer: Any, tensors: dict[str, Any]) -> None:
    """Step with PyTorch's own scalars in float64; by default they are float32."""
    import torch  # pyright: ignore[reportMissingImports]

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    optimizer.step()
    torch.set_default_dtype(before)


def keras_path(name: str, decay: float | None = None, **options: Any) -> Oracle:
    """The path of a Keras optimizer, on its JAX backend, at learning rate `RATE`."""

    def build(keras: Any) -> Any:
        rate: Any = RATE
        if decay is not None:
            rate = keras.optimizers.schedules.InverseTimeDecay(RATE, 1, decay)
        arguments = {"learning_rate": rate, **options}
        return getattr(keras.optimizers, name)(**arguments)

    return keras_steps(build)


def keras_steps(build: Callable[[Any], Any]) -> Oracle:
    """The path of what `build` makes of the module keras, on its JAX backend."""

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        os.environ["KERAS_BACKEND"] = "jax"
        import keras  # pyright: ignore[reportMissingImports]

        before = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            optimizer = build(keras)
            variables = {
                k: keras.Variable(p, dtype="float64") for k, p in params.items()
            }
            path: dict[str, list[Any]] = {leaf: [] for leaf in params}
            for grad in grads:
                gradients = [grad[leaf] for leaf in variables]
                optimizer.apply(gradients, [*variables.values()])
                for leaf, variable in variables.items():
                    path[leaf].append(np.asarray(variable))
            return {leaf: np.stack(steps) for leaf, steps in path.items()}
        finally:
            keras.config.set_floatx(before)

    return oracle


def numpy_path(
    start: Callable[[np.ndarray], Any],
    step: Callable[[np.ndarray, np.ndarray, Any, int], tuple[np.ndarray, Any]],
) -> Oracle:
    """The path of a formula for one array, in NumPy's float64.

    `start(param)` is its memory; `step(param, g, memory, t)`, with t from 1, gives the
    next parameter and memory.
    """

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        path = {}
        for name, param in params.items():
            at, memory, steps = np.asarray(param), start(param), []
            for t, grad in enumerate(grads, start=1):
                at, memory = step(at, grad[name], memory, t)
                steps.append(at)
            path[name] = np.stack(steps)
        return path

    return oracle
