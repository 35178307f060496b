"""Optimizers that change the gradient before the moments, and games."""

from collections.abc import Callable
from typing import Any

import numpy as np

import adamx
from tests.oracles import numpy_path, torch_path, torch_steps
from tests.spec import RATE, Oracle, Spec


def _mars_po(**options: Any) -> Oracle:
    return torch_path(
        "MARS", "pytorch_optimizer", foreach=False, optimize_1d=True, **options
    )


def _zeros(count: int) -> Callable[[np.ndarray], Any]:
    return lambda p: (np.zeros_like(p),) * count


def _acprop(b1: float, b2: float, eps: float, eps_root: float, decay: float) -> Oracle:
    """The paper's algorithm, bias-corrected; the first step has no divisor."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        d = np.zeros_like(g)
        if t > 1:
            d = g / (np.sqrt(nu / (1 - b2 ** (t - 1))) + eps)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * (g - mu) ** 2 + eps_root
        return p - RATE * (d + decay * p), (mu, nu)

    return numpy_path(_zeros(2), step)


def _corrected(g: Any, past: Any, b1: float, gamma: float) -> np.ndarray:
    c = g + gamma * b1 / (1 - b1) * (g - past)
    return c / max(1.0, np.sqrt((c * c).sum()))


def _mars(b1: float, b2: float, gamma: float, eps: float, decay: float) -> Oracle:
    """The authors' form, whose ε is beside the corrected root."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu, past = memory
        c = _corrected(g, past, b1, gamma)
        mu, nu = b1 * mu + (1 - b1) * c, b2 * nu + (1 - b2) * c * c
        d = mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps)
        return p - RATE * (d + decay * p), (mu, nu, g)

    return numpy_path(_zeros(3), step)


def _grokfast(alpha: float, lamb: float) -> Oracle:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        memory = g if t == 1 else alpha * memory + (1 - alpha) * g
        return p - RATE * (g + lamb * memory), memory

    return numpy_path(np.zeros_like, step)


def _gradfilter(optimizer: Any, tensors: dict[str, Any]) -> None:
    """pytorch_optimizer's filter, on what has named parameters as a module has."""
    from pytorch_optimizer.optimizer.grokfast import (  # pyright: ignore
        gradfilter_ema,
    )

    class Model:
        def named_parameters(self) -> Any:
            return tensors.items()

    grads = getattr(optimizer, "slow", None)
    model: Any = Model()
    optimizer.slow = gradfilter_ema(model, grads, alpha=0.9, lamb=0.5)
    optimizer.step()


def _torch_sgd(tensors: list[Any]) -> Any:
    import torch  # pyright: ignore[reportMissingImports]

    return torch.optim.SGD(tensors, lr=RATE)


def _madgrad(m: float, decay: float, eps: float) -> Oracle:
    """The paper's algorithm 1, without ε in the learning rate."""

    def start(p: np.ndarray) -> Any:
        return np.zeros_like(p), np.zeros_like(p), p.copy()

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        s, nu, first = memory
        g = g + decay * p
        s, nu = s + RATE * np.sqrt(t) * g, nu + RATE * np.sqrt(t) * g * g
        z = first - s / (np.cbrt(nu) + eps)
        return m * p + (1 - m) * z, (s, nu, first)

    return numpy_path(start, step)


def _optimistic(alpha: float, beta: float, from_zero: bool) -> Oracle:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        past = g if t == 1 and not from_zero else memory
        return p - RATE * ((alpha + beta) * g - beta * past), g

    return numpy_path(np.zeros_like, step)


def _optimistic_adam(
    b1: float, b2: float, eps: float, optimism: float, nesterov: bool, from_zero: bool
) -> Oracle:
    """Algorithm 1 of the paper where o = η, not Nesterov, and from zero."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu, past = memory
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
        top = mu / (1 - b1**t)
        if nesterov:
            top = b1 * mu / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        d = top / (np.sqrt(nu / (1 - b2**t)) + eps)
        change = d - past if t > 1 or from_zero else 0 * d
        return p - RATE * d - optimism * change, (mu, nu, d)

    return numpy_path(_zeros(3), step)


SPECS: list[Spec] = [
    Spec(
        "adam_atan2",
        lambda: adamx.adam_atan2(RATE),
        "adam-atan2-pytorch",
        torch_path("AdamAtan2", "adam_atan2_pytorch"),
    ),
    Spec(
        "adam_atan2_unusual",
        lambda: adamx.adam_atan2(RATE, 0.7, 0.8, 2.0, 0.3, 0.1),
        "adam-atan2-pytorch",
        torch_path(
            "AdamAtan2",
            "adam_atan2_pytorch",
            betas=(0.7, 0.8),
            a=2.0,
            b=0.3,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "stable_adamw",
        lambda: adamx.stable_adamw(RATE),
        "torch-optimi",
        torch_path("StableAdamW", "optimi", foreach=False, triton=False),
    ),
    Spec(
        "stable_adamw_unusual",
        lambda: adamx.stable_adamw(RATE, 0.7, 0.8, 1e-3, 0.1),
        "torch-optimi",
        torch_path(
            "StableAdamW",
            "optimi",
            foreach=False,
            triton=False,
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "acprop",
        lambda: adamx.acprop(RATE),
        None,
        _acprop(0.9, 0.999, 1e-16, 1e-16, 0.0),
    ),
    Spec(
        "acprop_unusual",
        lambda: adamx.acprop(RATE, 0.7, 0.8, 1e-3, 1e-4, 0.1),
        None,
        _acprop(0.7, 0.8, 1e-3, 1e-4, 0.1),
    ),
    Spec(
        "mars",
        lambda: adamx.mars(RATE),
        None,
        _mars(0.95, 0.99, 0.025, 1e-8, 0.0),
    ),
    Spec(
        "mars_unusual",
        lambda: adamx.mars(RATE, 0.7, 0.8, 0.5, 1e-3, weight_decay=0.1),
        None,
        _mars(0.7, 0.8, 0.5, 1e-3, 0.1),
    ),
    Spec(
        "mars_eps_hat",
        lambda: adamx.mars(RATE, 0.7, 0.8, 0.5, 1e-3, 1e-15, 0.1, eps_hat=True),
        "pytorch_optimizer",
        _mars_po(betas=(0.7, 0.8), gamma=0.5, eps=1e-3, weight_decay=0.1),
    ),
    Spec(
        "mars_lion",
        lambda: adamx.mars_lion(RATE),
        "pytorch_optimizer",
        _mars_po(mars_type="lion"),
    ),
    Spec(
        "mars_lion_unusual",
        lambda: adamx.mars_lion(RATE, 0.7, 0.5, 0.1),
        "pytorch_optimizer",
        _mars_po(mars_type="lion", betas=(0.7, 0.8), gamma=0.5, weight_decay=0.1),
    ),
    Spec(
        "grokfast",
        lambda: adamx.chain(adamx.grokfast(), adamx.sgd(RATE)),
        None,
        _grokfast(0.98, 2.0),
    ),
    Spec(
        "grokfast_unusual",
        lambda: adamx.chain(adamx.grokfast(0.9, 0.5), adamx.sgd(RATE)),
        "pytorch_optimizer",
        torch_steps(_torch_sgd, _gradfilter),
    ),
    # The package adds ε to the learning rate; the paper does not.
    Spec(
        "madgrad",
        lambda: adamx.madgrad(RATE + 1e-6),
        "madgrad",
        torch_path("MADGRAD", "madgrad"),
    ),
    Spec(
        "madgrad_unusual",
        lambda: adamx.madgrad(RATE + 1e-3, 0.5, 0.1, 1e-3),
        "madgrad",
        torch_path("MADGRAD", "madgrad", momentum=0.5, weight_decay=0.1, eps=1e-3),
    ),
    Spec(
        "madgrad_no_momentum",
        lambda: adamx.madgrad(RATE + 1e-3, 0.0, eps=1e-3),
        "madgrad",
        torch_path("MADGRAD", "madgrad", momentum=0.0, eps=1e-3),
    ),
    Spec(
        "madgrad_paper",
        lambda: adamx.madgrad(RATE, 0.5, 0.1, 1e-3),
        None,
        _madgrad(0.5, 0.1, 1e-3),
    ),
    Spec(
        "optimistic_gradient_descent",
        lambda: adamx.optimistic_gradient_descent(RATE),
        None,
        _optimistic(1.0, 1.0, False),
    ),
    Spec(
        "optimistic_gradient_descent_unusual",
        lambda: adamx.optimistic_gradient_descent(RATE, 0.7, 0.3, from_zero=True),
        None,
        _optimistic(0.7, 0.3, True),
    ),
    Spec(
        "optimistic_adam",
        lambda: adamx.optimistic_adam(RATE),
        None,
        _optimistic_adam(0.9, 0.999, 1e-8, RATE, True, False),
    ),
    Spec(
        "optimistic_adam_unusual",
        lambda: adamx.optimistic_adam(RATE, 3e-3, 0.7, 0.8, 1e-3, nesterov=False),
        None,
        _optimistic_adam(0.7, 0.8, 1e-3, 3e-3, False, False),
    ),
    Spec(
        "optimistic_adam_paper",
        lambda: adamx.optimistic_adam(RATE, nesterov=False, from_zero=True),
        None,
        _optimistic_adam(0.9, 0.999, 1e-8, RATE, False, True),
    ),
]
