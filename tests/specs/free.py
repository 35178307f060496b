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


def _dot(a: dict[str, Any], b: dict[str, Any]) -> float:
    return float(sum((a[k] * b[k]).sum() for k in a))


def _half_of_squares(params: dict[str, Any]) -> float:
    """What `adamx.testing` gives as the loss, whatever the gradients are."""
    return _dot(params, params) / 2


def _momo(
    rate: float,
    beta: float,
    bound: float,
    decay: float,
    adapt: bool = False,
    *,
    corrected: bool = False,
    form: str = "divided",
    metric: tuple[float, float] | None = None,
) -> Oracle:
    """The authors' algorithms, with ρ beside uncorrected averages.

    `metric` is b2 and ε of MoMo-Adam.
    """

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        at, path = dict(params), {name: [] for name in params}
        d = nu = {k: np.zeros_like(x) for k, x in at.items()}
        loss = gamma = 0.0
        least = bound
        grown = 1 + rate * decay
        for t, g in enumerate(grads, start=1):
            b = beta if corrected or t > 1 else 0.0
            rho = 1 - beta**t if corrected else 1.0
            loss = b * loss + (1 - b) * _half_of_squares(at)
            d = {k: b * d[k] + (1 - b) * g[k] for k in at}
            gamma = b * gamma + (1 - b) * _dot(g, at)
            v = d
            if metric is not None:
                b2, eps = metric
                nu = {k: b2 * nu[k] + (1 - b2) * g[k] ** 2 for k in at}
                v = {k: d[k] / (np.sqrt(nu[k] / (1 - b2**t)) + eps) for k in at}
            cap = grown * (loss - gamma) + _dot(d, at)
            if adapt and cap < grown * rho * least:
                least = max(cap / (2 * grown * rho), bound)
            tau = min(rate / rho, max(cap - grown * rho * least, 0.0) / _dot(d, v))
            if adapt:
                model = loss + _dot(d, at) - gamma - tau * _dot(d, v) / 2
                least = max(model / rho, bound)
            if form == "divided":
                at = {k: (at[k] - tau * v[k]) / grown for k in at}
            else:
                kept = 1 / grown if form == "beside" else 1 - rate * decay
                at = {k: kept * at[k] - tau * v[k] for k in at}
            for name, x in at.items():
                path[name].append(x)
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _optax(builder: str, **options: Any) -> Oracle:
    """An optimizer of Optax's, in float64."""

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        import optax  # pyright: ignore[reportMissingImports]

        tx = getattr(optax.contrib, builder)(**options)
        at: Any = jax.tree.map(jnp.asarray, dict(params))
        state, path = tx.init(at), {name: [] for name in params}
        for g in grads:
            extra = {"value": _half_of_squares(at)} if "momo" in builder else {}
            g = jax.tree.map(jnp.asarray, g)
            updates, state = tx.update(g, state, at, **extra)
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
    Spec("momo", adamx.momo, None, _momo(1.0, 0.9, 0.0, 0.0)),
    Spec("momo_optax", adamx.momo, "optax", _optax("momo")),
    Spec(
        "momo_unusual",
        lambda: adamx.momo(0.3, 0.6, 1.0, 0.1),
        None,
        _momo(0.3, 0.6, 1.0, 0.1),
    ),
    Spec(
        "momo_corrected",
        lambda: adamx.momo(0.3, 0.7, 1.0, 0.1, bias_correction=True),
        None,
        _momo(0.3, 0.7, 1.0, 0.1, corrected=True),
    ),
    Spec(
        "momo_adapted",
        lambda: adamx.momo(0.3, 0.7, -1.0, 0.1, True),
        None,
        _momo(0.3, 0.7, -1.0, 0.1, True),
    ),
    Spec(
        "momo_beside",
        lambda: adamx.momo(0.3, 0.7, -1.0, 0.1, True, decay_form="beside"),
        "optax",
        _optax(
            "momo",
            learning_rate=0.3,
            beta=0.7,
            lower_bound=-1.0,
            weight_decay=0.1,
            adapt_lower_bound=True,
        ),
    ),
    Spec(
        "momo_adam",
        adamx.momo_adam,
        None,
        _momo(1e-2, 0.9, 0.0, 0.0, corrected=True, metric=(0.999, 1e-8)),
    ),
    Spec("momo_adam_optax", adamx.momo_adam, "optax", _optax("momo_adam")),
    Spec(
        "momo_adam_unusual",
        lambda: adamx.momo_adam(3.0, 0.7, 0.8, 1e-3, 1.0, 0.1),
        None,
        _momo(3.0, 0.7, 1.0, 0.1, corrected=True, metric=(0.8, 1e-3)),
    ),
    Spec(
        "momo_adam_adamw",
        lambda: adamx.momo_adam(3.0, 0.7, 0.8, 1e-3, 1.0, 0.1, decay_form="adamw"),
        None,
        _momo(3.0, 0.7, 1.0, 0.1, corrected=True, form="adamw", metric=(0.8, 1e-3)),
    ),
    Spec(
        "momo_adam_beside",
        lambda: adamx.momo_adam(
            3.0, 0.7, 0.8, 1e-3, -1.0, 0.1, True, decay_form="beside"
        ),
        "optax",
        _optax(
            "momo_adam",
            learning_rate=3.0,
            b1=0.7,
            b2=0.8,
            eps=1e-3,
            lower_bound=-1.0,
            weight_decay=0.1,
            adapt_lower_bound=True,
        ),
    ),
]
