"""Adam's descendants of the last years, dual averaging, and games."""

from typing import Any

import numpy as np

import adamx
from tests.oracles import numpy_path, torch_path
from tests.spec import RATE, Oracle, Spec


def _zeros(p: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)


def _nesterov_eps_hat(
    p: np.ndarray, g: np.ndarray, memory: Any, t: int
) -> tuple[np.ndarray, Any]:
    b1, b2, eps = 0.7, 0.8, 1e-3
    mu, nu, _ = memory
    mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
    ahead = b1 * mu / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return p - RATE * np.sqrt(1 - b2**t) * ahead / (np.sqrt(nu) + eps), (mu, nu, 0)


def _optimistic(alpha: float, beta: float) -> Oracle:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        before = g if t == 1 else memory
        return p - RATE * ((alpha + beta) * g - beta * before), g

    return numpy_path(lambda p: None, step)


def _optimistic_adam(optimism: float, b1: float, b2: float, eps: float) -> Oracle:
    """The paper's algorithm 1, but for its first step; without Nesterov."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu, before = memory
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
        d = mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps)
        before = d if t == 1 else before
        return p - RATE * d - optimism * (d - before), (mu, nu, d)

    return numpy_path(_zeros, step)


def _mars(**options: Any) -> Oracle:
    kind = {"mars_type": "adamw", "optimize_1d": True, "foreach": False}
    return torch_path("MARS", library="pytorch_optimizer", **kind, **options)


def _madgrad(**options: Any) -> Oracle:
    # Its code adds ε to the rate.
    rate = RATE - options.get("eps", 1e-6)
    return torch_path("MADGRAD", library="madgrad", lr=rate, **options)


SPECS: list[Spec] = [
    Spec(
        "adam_nesterov",
        lambda: adamx.adam(RATE, 0.7, 0.8, 1e-3, nesterov=True, eps_hat=True),
        None,
        numpy_path(_zeros, _nesterov_eps_hat),
    ),
    Spec(
        "adam_atan2",
        lambda: adamx.adam_atan2(RATE),
        "adam-atan2-pytorch",
        torch_path("AdamAtan2", library="adam_atan2_pytorch"),
    ),
    Spec(
        "adam_atan2_unusual",
        lambda: adamx.adam_atan2(RATE, 0.7, 0.8, 1.1, 0.6, 0.1),
        "adam-atan2-pytorch",
        torch_path(
            "AdamAtan2",
            library="adam_atan2_pytorch",
            betas=(0.7, 0.8),
            a=1.1,
            b=0.6,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "stable_adamw",
        lambda: adamx.stable_adamw(RATE),
        "torch-optimi",
        torch_path("StableAdamW", library="optimi", foreach=False, triton=False),
    ),
    Spec(
        "stable_adamw_unusual",
        lambda: adamx.stable_adamw(RATE, 0.7, 0.8, 1e-3, weight_decay=0.1),
        "torch-optimi",
        torch_path(
            "StableAdamW",
            library="optimi",
            foreach=False,
            triton=False,
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "mars",
        lambda: adamx.mars(RATE, eps_root=1e-15),
        "pytorch_optimizer",
        _mars(),
    ),
    Spec(
        "mars_unusual",
        lambda: adamx.mars(RATE, 0.7, 0.8, 0.1, 1e-3, 1e-15, 0.1),
        "pytorch_optimizer",
        _mars(betas=(0.7, 0.8), gamma=0.1, eps=1e-3, weight_decay=0.1),
    ),
    Spec("madgrad", lambda: adamx.madgrad(RATE), "madgrad", _madgrad()),
    Spec(
        "madgrad_unusual",
        lambda: adamx.madgrad(RATE, 0.6, 0.1, 1e-3),
        "madgrad",
        _madgrad(momentum=0.6, weight_decay=0.1, eps=1e-3),
    ),
    Spec(
        "optimistic_gradient_descent",
        lambda: adamx.optimistic_gradient_descent(RATE),
        None,
        _optimistic(1.0, 1.0),
    ),
    Spec(
        "optimistic_gradient_descent_unusual",
        lambda: adamx.optimistic_gradient_descent(RATE, 0.7, 0.4),
        None,
        _optimistic(0.7, 0.4),
    ),
    Spec(
        "optimistic_adam",
        lambda: adamx.optimistic_adam(RATE, nesterov=False),
        None,
        _optimistic_adam(RATE, 0.9, 0.999, 1e-8),
    ),
    Spec(
        "optimistic_adam_unusual",
        lambda: adamx.optimistic_adam(RATE, 3e-3, 0.7, 0.8, 1e-3, nesterov=False),
        None,
        _optimistic_adam(3e-3, 0.7, 0.8, 1e-3),
    ),
]
