"""Curvature, loss values and noise: what needs more than the gradient."""

from collections.abc import Callable

import jax
import numpy as np

import adamx
from tests.spec import RATE, Oracle, Path, Spec

Tree = dict[str, np.ndarray]


def _dot(a: Tree, b: Tree) -> float:
    return float(sum((a[k] * b[k]).sum() for k in a))


def _tree_path(step: Callable[[Tree, Tree, int], Tree]) -> Oracle:
    """The path of a formula for all arrays at once: parameters, gradients and t."""

    def oracle(params: Tree, grads: list[Tree]) -> Path:
        at, path = dict(params), {name: [] for name in params}
        for t, g in enumerate(grads, start=1):
            at = step(at, g, t)
            for name, x in at.items():
                path[name].append(x)
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _polyak(
    rate: float, scaling: float, f_min: float, eps: float, upwards: bool = True
) -> Oracle:
    """With ½‖θ‖² as the loss, whatever the gradients are."""

    def step(at: Tree, g: Tree, t: int) -> Tree:
        gap = _dot(at, at) / 2 - f_min
        if not upwards:
            gap = max(gap, 0.0)
        size = min(gap / (_dot(g, g) + eps), rate)
        return {k: at[k] - scaling * size * g[k] for k in at}

    return _tree_path(step)


def _noise(params: Tree, t: int, seed: int) -> Tree:
    """Independent of adamx but for how keys are made: one a step, one a leaf."""
    key = used = jax.random.key(seed)
    for _ in range(t):
        key, used = jax.random.split(key)
    return {
        name: np.asarray(
            jax.random.normal(jax.random.fold_in(used, i), x.shape, "float32"),
            np.float64,
        )
        for i, (name, x) in enumerate(sorted(params.items()), start=1)
    }


def _noisy(rate: float, eta: float, gamma: float, seed: int) -> Oracle:
    def step(at: Tree, g: Tree, t: int) -> Tree:
        noise = _noise(at, t, seed)
        return {
            k: at[k] - rate * (g[k] + (eta / t**gamma) ** 0.5 * noise[k]) for k in at
        }

    return _tree_path(step)


SPECS: list[Spec] = [
    Spec("polyak_sgd", adamx.polyak_sgd, None, _polyak(1.0, 1.0, 0.0, 0.0)),
    Spec(
        "polyak_sgd_unusual",
        lambda: adamx.polyak_sgd(1e-3, 0.5, 2.0, 1e-3, "sps+"),
        None,
        _polyak(1e-3, 0.5, 2.0, 1e-3, upwards=False),
    ),
    Spec("noisy_sgd", lambda: adamx.noisy_sgd(RATE), None, _noisy(RATE, 0.01, 0.55, 0)),
    Spec(
        "noisy_sgd_unusual",
        lambda: adamx.noisy_sgd(RATE, 10.0, 0.9, key=7),
        None,
        _noisy(RATE, 10.0, 0.9, 7),
    ),
]
