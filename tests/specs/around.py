"""Wrappers and averages of parameters."""

from typing import Any

import jax
import jax.numpy as jnp
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


def _mechanic(
    decay: float, eps: float, first: float, n: int, paper: bool = False
) -> Oracle:
    """Algorithm 1 around gradient descent, in the authors' terms."""

    def size(tree: dict[str, Any]) -> float:
        return float(np.sqrt(sum((x**2).sum() for x in tree.values())))

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        at, path = dict(params), {name: [] for name in params}
        delta = {k: np.zeros_like(x) for k, x in at.items()}
        betas = 1 - 0.1 ** np.arange(1, n + 1)
        m = v = r = s = np.zeros(n)
        for g in grads:
            w = decay * s.sum() * size(g) / (size(at) + eps)
            h = -sum(((g[k] + w * at[k]) * delta[k]).sum() for k in at)
            won = h if paper else np.clip(h, -m, m)
            m = np.maximum(betas * m, abs(h) + (0 if paper else eps))
            v = betas**2 * v + h**2
            r = betas * r + won * s
            if paper:
                r = np.maximum(r, 0)
            s = (first / n * m + np.maximum(r, 0)) / (np.sqrt(v) + eps)
            delta = {k: delta[k] - RATE * g[k] for k in at}
            at = {k: params[k] + s.sum() * delta[k] for k in at}
            for name, x in at.items():
                path[name].append(x)
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _optax_mechanic(**options: Any) -> Oracle:
    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        import optax  # pyright: ignore[reportMissingImports]

        tx = optax.contrib.mechanize(optax.sgd(RATE), **options)
        at: Any = jax.tree.map(jnp.asarray, dict(params))
        state, path = tx.init(at), {name: [] for name in params}
        for g in grads:
            updates, state = tx.update(jax.tree.map(jnp.asarray, g), state, at)
            at = optax.apply_updates(at, updates)
            for name in path:
                path[name].append(np.asarray(at[name]))
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


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
    Spec(
        "mechanize",
        lambda: adamx.mechanize(adamx.sgd(RATE)),
        None,
        _mechanic(1e-2, 1e-8, 1e-6, 6),
    ),
    Spec(
        "mechanize_unusual",
        lambda: adamx.mechanize(adamx.sgd(RATE), 0.3, 1e-2, 0.5, 3),
        None,
        _mechanic(0.3, 1e-2, 0.5, 3),
    ),
    Spec(
        "mechanize_paper",
        lambda: adamx.mechanize(adamx.sgd(RATE), 0.1, 1e-3, 0.5, 4, variant="paper"),
        None,
        _mechanic(0.1, 1e-3, 0.5, 4, paper=True),
    ),
    Spec(
        "mechanize_optax",
        lambda: adamx.mechanize(adamx.sgd(RATE), 0.1, 1e-20, 0.5),
        "optax",
        _optax_mechanic(weight_decay=0.1, eps=1e-20, s_init=0.5),
        # Optax reads Δ out of the parameters, each step anew: 60 roundings of 1.1e-16
        # of a parameter of 2 in steps that begin with 1e-4.
        SMALL_STEPS,
    ),
]
