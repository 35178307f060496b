"""Wrappers and averages of parameters."""

from typing import Any

import numpy as np

import adamx
from tests.oracles import in_float64, numpy_path, torch_path, torch_steps
from tests.spec import RATE, Oracle, Path, Spec


def _schedule_free(name: str, **options: Any) -> Oracle:
    def build(tensors: list[Any]) -> Any:
        import schedulefree  # pyright: ignore[reportMissingImports]

        made = getattr(schedulefree, name)(tensors, lr=RATE, foreach=False, **options)
        made.train()
        return made

    return torch_steps(build)


def _lookahead(k: int, alpha: float) -> Oracle:
    def build(tensors: list[Any]) -> Any:
        import pytorch_optimizer  # pyright: ignore[reportMissingImports]
        import torch  # pyright: ignore[reportMissingImports]

        inner = torch.optim.SGD(tensors, lr=RATE, momentum=0.8)
        return pytorch_optimizer.Lookahead(inner, k=k, alpha=alpha)

    return torch_steps(build)


def _ema(b: float, debias: bool) -> Oracle:
    def step(p: Any, g: Any, mu: Any, t: int) -> tuple[Any, Any]:
        mu = b * mu + (1 - b) * g
        return p - RATE * mu / ((1 - b**t) if debias else 1), mu

    return numpy_path(np.zeros_like, step)


def _sam(k: int, rho: float, momentum: float) -> Oracle:
    """k−1 steps of length ρ up, then one of sgd from where they began."""

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        at = {name: np.asarray(p) for name, p in params.items()}
        begun, buffer = at, {name: np.zeros_like(p) for name, p in at.items()}
        steps: list[dict[str, Any]] = []
        for t, g in enumerate(grads):
            if t % k == 0:
                begun = at
            if t % k < k - 1:
                norm = np.sqrt(sum(np.sum(np.abs(x) ** 2) for x in g.values()))
                at = {name: p + rho * g[name] / norm for name, p in at.items()}
            else:
                buffer = {n: momentum * b + g[n] for n, b in buffer.items()}
                at = {name: p - RATE * buffer[name] for name, p in begun.items()}
            steps.append(at)
        return {name: np.stack([step[name] for step in steps]) for name in at}

    return oracle


def _up(rho: float) -> adamx.Transform:
    return adamx.chain(adamx.normalize(), adamx.sgd(rho))


# Gradients of a scale of 1e-4 make steps of 1e-6, in which 1.1e-16, the rounding of a
# parameter of 1, is 1e-10 of a step; these oracles add in another order, 60 times.
SMALL_STEPS = 1e-10

SPECS: list[Spec] = [
    Spec(
        "schedule_free_sgd",
        lambda: adamx.schedule_free_sgd(RATE),
        "schedulefree",
        _schedule_free("SGDScheduleFree"),
        SMALL_STEPS,
    ),
    Spec(
        "schedule_free_sgd_unusual",
        lambda: adamx.schedule_free_sgd(RATE, 20, 0.7, 0.1, 1.0, r=0.5),
        "schedulefree",
        _schedule_free(
            "SGDScheduleFree",
            momentum=0.7,
            weight_decay=0.1,
            warmup_steps=20,
            weight_lr_power=1.0,
            r=0.5,
        ),
        SMALL_STEPS,
    ),
    Spec(
        "schedule_free_adamw",
        lambda: adamx.schedule_free_adamw(RATE),
        "schedulefree",
        _schedule_free("AdamWScheduleFree"),
    ),
    Spec(
        "schedule_free_adamw_unusual",
        lambda: adamx.schedule_free_adamw(RATE, 20, 0.7, 0.8, 1e-3, 0.1, 1.0, r=0.5),
        "schedulefree",
        _schedule_free(
            "AdamWScheduleFree",
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
            warmup_steps=20,
            weight_lr_power=1.0,
            r=0.5,
        ),
    ),
    Spec(
        "schedule_free_radam",
        lambda: adamx.schedule_free_radam(RATE),
        "schedulefree",
        _schedule_free("RAdamScheduleFree"),
        SMALL_STEPS,
    ),
    Spec(
        "schedule_free_radam_unusual",
        lambda: adamx.schedule_free_radam(RATE, 0.7, 0.9, 1e-3, 0.1, r=0.5),
        "schedulefree",
        _schedule_free(
            "RAdamScheduleFree",
            betas=(0.7, 0.9),
            eps=1e-3,
            weight_decay=0.1,
            r=0.5,
        ),
    ),
    Spec(
        "lookahead",
        lambda: adamx.lookahead(adamx.sgd(RATE, 0.8), 5, 0.5),
        "pytorch_optimizer",
        _lookahead(5, 0.5),
        SMALL_STEPS,
    ),
    Spec(
        "lookahead_unusual",
        lambda: adamx.lookahead(adamx.sgd(RATE, 0.8), 3, 0.8),
        "pytorch_optimizer",
        _lookahead(3, 0.8),
        SMALL_STEPS,
    ),
    Spec(
        "asgd",
        lambda: adamx.asgd(RATE),
        "torch",
        torch_path("ASGD", step=in_float64),
        SMALL_STEPS,
    ),
    Spec(
        "asgd_unusual",
        lambda: adamx.asgd(RATE, 0.3, 0.6, 10, 0.1),
        "torch",
        torch_path(
            "ASGD", step=in_float64, lambd=0.3, alpha=0.6, t0=10, weight_decay=0.1
        ),
    ),
    Spec(
        "ema",
        lambda: adamx.chain(adamx.ema(0.9), adamx.scale(-RATE)),
        None,
        _ema(0.9, debias=True),
    ),
    Spec(
        "ema_unusual",
        lambda: adamx.chain(adamx.ema(0.3, False), adamx.scale(-RATE)),
        None,
        _ema(0.3, debias=False),
    ),
    Spec(
        "sam",
        lambda: adamx.sam(adamx.sgd(RATE), _up(RATE)),
        None,
        _sam(2, RATE, 0.0),
    ),
    Spec(
        "sam_unusual",
        lambda: adamx.sam(adamx.sgd(RATE, 0.7), _up(0.3), 3),
        None,
        _sam(3, 0.3, 0.7),
    ),
]
