"""First-order and adaptive optimizers that the first hour left out."""

from typing import Any

import numpy as np

import adamx
from adamx.schedules import inverse_time_decay_schedule
from tests.oracles import keras_path, numpy_path, torch_path, torch_steps
from tests.spec import RATE, Oracle, Spec

FALLING = inverse_time_decay_schedule(RATE, 0.05)


def _torch_sgd(**options: Any) -> Oracle:
    """PyTorch's under the same schedule."""

    def build(tensors: list[Any]) -> Any:
        import torch  # pyright: ignore[reportMissingImports]

        optimizer = torch.optim.SGD(tensors, lr=RATE, **options)
        schedule = torch.optim.lr_scheduler.LambdaLR
        return optimizer, schedule(optimizer, lambda t: 1 / (1 + 0.05 * t))

    def step(pair: Any, tensors: dict[str, Any]) -> None:
        for each in pair:
            each.step()

    return torch_steps(build, step)


def _radam(
    threshold: float,
    nesterov: bool,
    b1: float = 0.7,
    b2: float = 0.9,
    eps: float = 1e-3,
) -> Oracle:
    """The paper's algorithm 2, with ε; in float64 its ρ needs little care."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
        d = mu / (1 - b1**t)
        if nesterov:
            d = b1 * mu / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * t * b2**t / (1 - b2**t)
        if length >= threshold:
            share = (length - 4) * (length - 2) * longest
            share /= (longest - 4) * (longest - 2) * length
            d = np.sqrt(share) * d / (np.sqrt(nu / (1 - b2**t)) + eps)
        return p - RATE * d, (mu, nu)

    return numpy_path(lambda p: (np.zeros_like(p), np.zeros_like(p)), step)


def _yogi_from_zero(**options: Any) -> Oracle:
    """torch_optimizer's, given a first moment of zero."""

    def build(tensors: list[Any]) -> Any:
        import torch  # pyright: ignore[reportMissingImports]
        import torch_optimizer  # pyright: ignore[reportMissingImports]

        optimizer = torch_optimizer.Yogi(tensors, lr=RATE, **options)
        for x in tensors:
            square = torch.full_like(x, options["initial_accumulator"])
            mean = torch.zeros_like(x)
            optimizer.state[x] = {"step": 0, "exp_avg": mean, "exp_avg_sq": square}
        return optimizer

    return torch_steps(build)


def _yogi_addons(b1: float, b2: float, eps: float, start: float) -> Oracle:
    """TensorFlow Addons' form; it no longer installs."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        mu = b1 * mu + (1 - b1) * g
        nu = nu + (1 - b2) * np.sign(g * g - nu) * g * g
        rate = RATE * np.sqrt(1 - b2**t) / (1 - b1**t)
        return p - rate * mu / (np.sqrt(nu) + eps), (mu, nu)

    return numpy_path(lambda p: (np.zeros_like(p), np.full_like(p, start)), step)


def _ftrl(
    p: float, start: float, l1: float, l2: float, shrink: float, beta: float
) -> Oracle:
    """The paper's algorithm 1, with a z of which the first parameters are the leader.

    With a rate that changes, σ is the change of (nᵖ + β)/η.
    """

    def begin(x: np.ndarray) -> Any:
        stiff = (start**p + beta) / RATE
        return np.full_like(x, start), stiff, -stiff * x

    def step(x: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        n, before, z = memory
        n = n + g * g
        stiff = (n**p + beta) / RATE * (1 + 0.05 * (t - 1))
        z = z + g + 2 * shrink * x - (stiff - before) * x
        x = -np.sign(z) * np.maximum(np.abs(z) - l1, 0) / (stiff + 2 * l2)
        return x, (n, stiff, z)

    return numpy_path(begin, step)


def _fromage(rate: float, least: float) -> Oracle:
    """Optax's form, whose norms have a least."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        norms = [max(np.sqrt((x * x).sum()), least) for x in (p, g)]
        return (p - rate * g * norms[0] / norms[1]) / np.sqrt(1 + rate**2), memory

    return numpy_path(lambda p: None, step)


SPECS: list[Spec] = [
    Spec(
        "sgd_schedule",
        lambda: adamx.sgd(FALLING, 0.8),
        "torch",
        _torch_sgd(momentum=0.8),
    ),
    Spec(
        "sgd_nesterov_schedule",
        lambda: adamx.sgd(FALLING, 0.8, True),
        "torch",
        _torch_sgd(momentum=0.8, nesterov=True),
    ),
    Spec(
        "sgd_dampening",
        lambda: adamx.sgd(FALLING, 0.8, dampening=0.3),
        "torch",
        _torch_sgd(momentum=0.8, dampening=0.3),
    ),
    Spec(
        "keras_sgd_schedule",
        lambda: adamx.sgd(FALLING, 0.8, rate_in_trace=True),
        "keras",
        keras_path("SGD", momentum=0.8, decay=0.05),
    ),
    Spec(
        "keras_sgd_nesterov_schedule",
        lambda: adamx.sgd(FALLING, 0.8, True, rate_in_trace=True),
        "keras",
        keras_path("SGD", momentum=0.8, nesterov=True, decay=0.05),
    ),
    Spec(
        "radam",
        lambda: adamx.radam(RATE, eps_hat=True),
        "torch",
        torch_path("RAdam"),
    ),
    Spec(
        "radam_unusual",
        lambda: adamx.radam(RATE, 0.7, 0.9, 1e-3, eps_hat=True),
        "torch",
        torch_path("RAdam", betas=(0.7, 0.9), eps=1e-3),
    ),
    Spec(
        "radam_decay",
        lambda: adamx.radam(RATE, 0.7, 0.9, 1e-3, weight_decay=0.1, eps_hat=True),
        "torch",
        torch_path(
            "RAdam",
            betas=(0.7, 0.9),
            eps=1e-3,
            weight_decay=0.1,
            decoupled_weight_decay=True,
        ),
    ),
    Spec(
        "radam_l2",
        lambda: adamx.chain(
            adamx.add_decayed_weights(0.1), adamx.radam(RATE, b2=0.95, eps_hat=True)
        ),
        "torch",
        torch_path("RAdam", betas=(0.9, 0.95), weight_decay=0.1),
    ),
    Spec(
        "radam_silent_start",
        lambda: adamx.radam(RATE, 0.7, 0.9, 1e-3, eps_hat=True, silent_start=True),
        "pytorch_optimizer",
        torch_path(
            "RAdam",
            library="pytorch_optimizer",
            betas=(0.7, 0.9),
            eps=1e-3,
            degenerated_to_sgd=False,
            foreach=False,
        ),
    ),
    Spec(
        "radam_long",
        lambda: adamx.radam(RATE, threshold=0.0),
        None,
        _radam(4.0, False, 0.9, 0.999, 1e-8),
    ),
    Spec(
        "radam_paper",
        lambda: adamx.radam(RATE, 0.7, 0.9, 1e-3, threshold=4.0),
        None,
        _radam(4.0, nesterov=False),
    ),
    Spec(
        "radam_nesterov",
        lambda: adamx.radam(RATE, 0.7, 0.9, 1e-3, nesterov=True),
        None,
        _radam(5.0, nesterov=True),
    ),
    Spec(
        "yogi",
        lambda: adamx.yogi(RATE),
        "torch_optimizer",
        torch_path("Yogi", library="torch_optimizer"),
    ),
    Spec(
        "yogi_unusual",
        lambda: adamx.yogi(RATE, 0.7, 0.8, 1e-2, initial_accumulator_value=0.1),
        "torch_optimizer",
        torch_path(
            "Yogi",
            library="torch_optimizer",
            betas=(0.7, 0.8),
            eps=1e-2,
            initial_accumulator=0.1,
        ),
    ),
    Spec(
        "yogi_from_zero",
        lambda: adamx.yogi(
            RATE, 0.7, 0.8, 1e-2, initial_accumulator_value=0.1, momentum_from_zero=True
        ),
        "torch_optimizer",
        _yogi_from_zero(betas=(0.7, 0.8), eps=1e-2, initial_accumulator=0.1),
    ),
    Spec(
        "yogi_addons",
        lambda: adamx.yogi(
            RATE,
            0.7,
            0.8,
            1e-2,
            initial_accumulator_value=0.1,
            momentum_from_zero=True,
            eps_hat=True,
        ),
        None,
        _yogi_addons(0.7, 0.8, 1e-2, 0.1),
    ),
    Spec("rprop", lambda: adamx.rprop(RATE), "torch", torch_path("Rprop")),
    Spec(
        "rprop_unusual",
        lambda: adamx.rprop(RATE, 0.7, 1.5, 5e-3, 2e-2),
        "torch",
        torch_path("Rprop", etas=(0.7, 1.5), step_sizes=(5e-3, 2e-2)),
    ),
    Spec(
        "keras_ftrl",
        lambda: adamx.ftrl(RATE, from_zero=True),
        "keras",
        keras_path("Ftrl"),
    ),
    Spec(
        "keras_ftrl_unusual",
        lambda: adamx.ftrl(RATE, 0.7, 0.5, 0.3, 0.2, 0.1, 0.4, from_zero=True),
        "keras",
        keras_path(
            "Ftrl",
            learning_rate_power=-0.7,
            initial_accumulator_value=0.5,
            l1_regularization_strength=0.3,
            l2_regularization_strength=0.2,
            l2_shrinkage_regularization_strength=0.1,
            # What Keras halves and doubles again, once each, is the same.
            beta=0.4,
        ),
    ),
    Spec(
        "ftrl_schedule",
        lambda: adamx.ftrl(FALLING, 0.7, 0.5, 0.3, 0.2, 0.1, 0.4),
        None,
        _ftrl(0.7, 0.5, 0.3, 0.2, 0.1, 0.4),
    ),
    Spec("fromage", lambda: adamx.fromage(RATE), None, _fromage(RATE, 1e-6)),
    # Some norms are below the least here; and rates of 0.5 move what has small ones.
    Spec(
        "fromage_min_norm",
        lambda: adamx.fromage(0.5, 0.9),
        None,
        _fromage(0.5, 0.9),
    ),
    Spec(
        "fromage_authors",
        lambda: adamx.fromage(RATE, 0.0),
        "pytorch_optimizer",
        torch_path("Fromage", library="pytorch_optimizer", foreach=False),
    ),
]
