"""No learning rate to tune: distances, coins and mechanics."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import adamx
from tests.oracles import numpy_path, torch_path
from tests.spec import Oracle, Path, Spec


def _dog(**options: Any) -> Oracle:
    return torch_path("DoG", library="dog", **options)


def _size(tree: dict[str, Any]) -> float:
    return float(np.sqrt(sum((np.abs(x) ** 2).sum() for x in tree.values())))


def _dowg(first: float, eps: float, decay: float) -> Oracle:
    """The paper's algorithm 1, with ε as Optax has it."""

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        at, path = dict(params), {name: [] for name in params}
        r, v = first, 0.0
        for g in grads:
            g = {k: g[k] + decay * at[k] for k in at}
            r = max(r, _size({k: at[k] - params[k] for k in at}))
            v += r**2 * _size(g) ** 2
            at = {k: at[k] - r**2 / (np.sqrt(v) + eps) * g[k] for k in at}
            for name, x in at.items():
                path[name].append(x)
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _cocob(weight: float, alpha: float, least: float, decay: float) -> Oracle:
    """The paper's algorithm 2, whose L begins with `least`."""

    def start(param: Any) -> Any:
        return param, np.full_like(param, least), *[np.zeros_like(param)] * 3

    def step(at: Any, g: Any, memory: Any, t: int) -> Any:
        first, largest, sizes, reward, total = memory
        g = -weight * (g + decay * at)
        largest = np.maximum(largest, np.abs(g))
        sizes = sizes + np.abs(g)
        reward = np.maximum(reward + (at - first) * g, 0)
        total = total + g
        below = largest * np.maximum(sizes + largest, alpha * largest)
        # Without any gradient yet there is no bet.
        bet = total / np.where(below > 0, below, 1) * (largest + reward)
        return first + bet, (first, largest, sizes, reward, total)

    return numpy_path(start, step)


def _optax(builder: str, **options: Any) -> Oracle:
    """An optimizer of Optax's, in float64."""

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        import optax  # pyright: ignore[reportMissingImports]

        tx = getattr(optax.contrib, builder)(**options)
        at: Any = jax.tree.map(jnp.asarray, dict(params))
        state, path = tx.init(at), {name: [] for name in params}
        for g in grads:
            updates, state = tx.update(jax.tree.map(jnp.asarray, g), state, at)
            at = optax.apply_updates(at, updates)
            for name in path:
                path[name].append(np.asarray(at[name]))
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


_CORRECTED: dict[str, Any] = {"use_bias_correction": True}

SPECS: list[Spec] = [
    Spec("dog", adamx.dog, "dog-optimizer", _dog(lr=1.0)),
    Spec(
        "dog_unusual",
        lambda: adamx.dog(0.5, ("heuristic", 1e-2), 1e-3, 0.1),
        "dog-optimizer",
        _dog(lr=0.5, reps_rel=1e-2, eps=1e-3, weight_decay=0.1),
    ),
    Spec(
        "prodigy",
        adamx.prodigy,
        "prodigyopt",
        torch_path("Prodigy", library="prodigyopt", lr=1.0, **_CORRECTED),
    ),
    Spec(
        "prodigy_unusual",
        lambda: adamx.prodigy(0.7, 0.7, 0.8, 0.95, 1e-3, 1e-3, 0.8, 0.1, True),
        "prodigyopt",
        torch_path(
            "Prodigy",
            library="prodigyopt",
            lr=0.7,
            betas=(0.7, 0.8),
            beta3=0.95,
            eps=1e-3,
            d0=1e-3,
            d_coef=0.8,
            weight_decay=0.1,
            safeguard_warmup=True,
            **_CORRECTED,
        ),
        # d is a quotient of sums over all leaves, which are added in another order.
        1e-11,
    ),
    Spec(
        "dadapt_adamw",
        adamx.dadapt_adamw,
        "dadaptation",
        torch_path("DAdaptAdam", library="dadaptation", lr=1.0, **_CORRECTED),
    ),
    Spec(
        "dadapt_adamw_unusual",
        lambda: adamx.dadapt_adamw(0.7, 0.7, 0.8, 1e-3, 1e-3, 0.1),
        "dadaptation",
        torch_path(
            "DAdaptAdam",
            library="dadaptation",
            lr=0.7,
            betas=(0.7, 0.8),
            eps=1e-3,
            d0=1e-3,
            weight_decay=0.1,
            decouple=True,
            **_CORRECTED,
        ),
        # As for prodigy.
        1e-11,
    ),
    Spec("dowg", adamx.dowg, None, _dowg(1e-4, 1e-4, 0.0)),
    Spec(
        "dowg_unusual",
        lambda: adamx.dowg(1.0, 0.09, 1e-3, 0.1),
        None,
        _dowg(0.3, 1e-3, 0.1),
    ),
    Spec("cocob", adamx.cocob, None, _cocob(1.0, 100.0, 1e-8, 0.0)),
    Spec("cocob_optax", adamx.cocob, "optax", _optax("cocob")),
    Spec(
        "cocob_unusual",
        lambda: adamx.cocob(0.5, 3.0, 0.1, 0.1),
        None,
        _cocob(0.5, 3.0, 0.1, 0.1),
    ),
    Spec(
        "cocob_from_zero",
        lambda: adamx.cocob(alpha=10.0, eps=0.0),
        None,
        _cocob(1.0, 10.0, 0.0, 0.0),
    ),
]
