"""Curvature, loss values and noise: what needs more than the gradient."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import adamx
from tests.oracles import numpy_path, torch_path
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


def _curvature(factor: float) -> Callable[[Any], Any]:
    """A diagonal as large as the gradients, times a factor, a third of it negative.

    Of one sign for each number: a sum of both would be as ill-conditioned as a
    difference, and it is divided by.
    """

    def of(x: Any) -> Any:
        sign = np.where(np.arange(x.size) % 3 == 1, -1.0, 1.0).reshape(x.shape)
        return (factor * sign * abs(x)).astype(x.dtype)

    return of


def _diagonal(factor: float) -> Callable[[Any, Any], dict[str, Any]]:
    return lambda g, params: {"hessian": jax.tree.map(_curvature(factor), g)}


def _optax_sophia(factor: float, **options: Any) -> Oracle:
    def oracle(params: Tree, grads: list[Tree]) -> Path:
        import optax

        def update(updates: Any, state: Any, params: Any = None, **_: Any) -> Any:
            return jax.tree.map(_curvature(factor), updates), state

        diagonal = optax.GradientTransformationExtraArgs(lambda params: (), update)
        tx = optax.contrib.sophia(RATE, hessian_diagonal_fn=diagonal, **options)
        at: Any = jax.tree.map(jax.numpy.asarray, dict(params))
        state, path = tx.init(at), {name: [] for name in params}
        for g in grads:
            updates, state = tx.update(jax.tree.map(jax.numpy.asarray, g), state, at)
            at = optax.apply_updates(at, updates)
            for name in path:
                path[name].append(np.asarray(at[name]))
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _every(k: int, factor: float) -> Callable[..., Any]:
    """Give pytorch_optimizer the curvature in each k-th step alone."""

    def step(optimizer: Any, tensors: dict[str, Any]) -> None:
        import torch  # pyright: ignore[reportMissingImports]

        due = optimizer.param_groups[0].get("step", 0) % k == 0
        of = _curvature(factor)
        given = [torch.tensor(of(t.grad.numpy())) for t in tensors.values()]
        optimizer.step(hessian=given if due else None)

    return step


def _sophia_g(rate: float, b1: float, b2: float, rho: float, decay: float) -> Oracle:
    """What the authors' `sophia.py` does, with curvature after each 10th step."""

    def step(at: Any, g: Any, memory: Any, t: int) -> Any:
        m, h = memory
        m = b1 * m + (1 - b1) * g
        size = np.minimum(np.abs(m) / (rho * h + 1e-15), 1)
        at = at * (1 - rate * decay) - rate * np.sign(m) * size
        if t % 10 == 1:
            h = b2 * h + (1 - b2) * 3e3 * np.abs(g)
        return at, (m, h)

    return numpy_path(lambda p: (np.zeros_like(p), np.zeros_like(p)), step)


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
    Spec(
        "sophia",
        lambda: adamx.sophia(RATE),
        "optax",
        _optax_sophia(3e4),
        extra=_diagonal(3e4),
    ),
    Spec(
        "sophia_unusual",
        lambda: adamx.sophia(RATE, 0.7, 0.8, 1e-3, 0.1, None, 0.5, 0.3, 3),
        "optax",
        _optax_sophia(
            3.0,
            b1=0.7,
            b2=0.8,
            eps=1e-3,
            weight_decay=0.1,
            gamma=0.5,
            clip_threshold=0.3,
            update_interval=3,
        ),
        extra=_diagonal(3.0),
    ),
    Spec(
        "sophia_h",
        lambda: adamx.sophia(
            RATE,
            0.7,
            0.8,
            1e-3,
            0.1,
            gamma=1.0,
            clip_threshold=0.3,
            update_interval=3,
            bias_correction=False,
            past=False,
        ),
        "pytorch_optimizer",
        torch_path(
            "SophiaH",
            "pytorch_optimizer",
            _every(3, 3.0),
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
            p=0.3,
            update_period=1000,
        ),
        extra=_diagonal(3.0),
    ),
    # Theirs is ρ·h + ε, not max(ρ·h, ε): h is large enough to tell them apart nowhere.
    Spec(
        "sophia_g",
        lambda: adamx.sophia(
            RATE, 0.9, 0.95, 1e-15, 0.1, None, 0.3, bias_correction=False
        ),
        None,
        _sophia_g(RATE, 0.9, 0.95, 0.3, 0.1),
        extra=lambda g, params: {"hessian": jax.tree.map(lambda x: 3e3 * abs(x), g)},
    ),
]
