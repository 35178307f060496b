"""Adagrad to AdaBelief: rates for each number, signs, and Adam's next of kin."""

from typing import Any

import numpy as np

import adamx
from tests.oracles import in_float64, keras_path, numpy_path, torch_path
from tests.spec import RATE, Spec


def _zeros(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros_like(p), np.zeros_like(p)


def _nadam_constant(
    p: np.ndarray, g: np.ndarray, memory: Any, t: int
) -> tuple[np.ndarray, Any]:
    """Dozat's algorithm with a constant momentum, as Optax has it."""
    b1, b2, eps = 0.7, 0.8, 1e-3
    m, v = memory
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    ahead = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return p - RATE * ahead / (np.sqrt(v / (1 - b2**t)) + eps), (m, v)


def _nesterov_eps_hat(
    p: np.ndarray, g: np.ndarray, memory: Any, t: int
) -> tuple[np.ndarray, Any]:
    b1, b2, eps = 0.7, 0.8, 1e-3
    mu, nu = memory
    mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
    ahead = b1 * mu / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return p - RATE * np.sqrt(1 - b2**t) * ahead / (np.sqrt(nu) + eps), (mu, nu)


_PLAIN: dict[str, Any] = {"rectify": False, "print_change_log": False}
"""The paper's AdaBelief; its package rectifies by default, as RAdam does."""

SPECS: list[Spec] = [
    Spec(
        "lion",
        lambda: adamx.lion(RATE, weight_decay=0.0),
        "lion-pytorch",
        torch_path("Lion", library="lion_pytorch"),
    ),
    Spec(
        "lion_unusual",
        lambda: adamx.lion(RATE, 0.7, 0.8, weight_decay=0.1),
        "lion-pytorch",
        torch_path("Lion", library="lion_pytorch", betas=(0.7, 0.8), weight_decay=0.1),
    ),
    Spec(
        "keras_lion",
        lambda: adamx.lion(RATE, weight_decay=0.1),
        "keras",
        keras_path("Lion", weight_decay=0.1),
    ),
    Spec(
        "sign_sgd",
        lambda: adamx.sign_sgd(RATE),
        "pytorch_optimizer",
        torch_path("SignSGD", library="pytorch_optimizer", momentum=0.0),
    ),
    Spec(
        "signum",
        lambda: adamx.signum(RATE),
        "pytorch_optimizer",
        torch_path("SignSGD", library="pytorch_optimizer"),
    ),
    Spec(
        "signum_unusual",
        lambda: adamx.signum(RATE, 0.6, weight_decay=0.1),
        "pytorch_optimizer",
        torch_path(
            "SignSGD", library="pytorch_optimizer", momentum=0.6, weight_decay=0.1
        ),
    ),
    Spec(
        "adagrad",
        lambda: adamx.adagrad(RATE, 0.0, 1e-10, eps_in_sqrt=False),
        "torch",
        torch_path("Adagrad"),
    ),
    Spec(
        "adagrad_unusual",
        lambda: adamx.adagrad(RATE, 0.5, 1e-3, eps_in_sqrt=False),
        "torch",
        torch_path("Adagrad", initial_accumulator_value=0.5, eps=1e-3),
    ),
    Spec(
        "keras_adagrad",
        lambda: adamx.adagrad(RATE),
        "keras",
        keras_path("Adagrad"),
    ),
    Spec(
        "keras_adagrad_unusual",
        lambda: adamx.adagrad(RATE, 0.5, 1e-3),
        "keras",
        keras_path("Adagrad", initial_accumulator_value=0.5, epsilon=1e-3),
    ),
    Spec("adadelta", lambda: adamx.adadelta(RATE), "torch", torch_path("Adadelta")),
    Spec(
        "adadelta_unusual",
        lambda: adamx.adadelta(RATE, 0.7, 1e-3, weight_decay=0.1),
        "torch",
        torch_path("Adadelta", rho=0.7, eps=1e-3, weight_decay=0.1),
    ),
    Spec(
        "keras_adadelta",
        lambda: adamx.adadelta(RATE, 0.95, 1e-7),
        "keras",
        keras_path("Adadelta"),
    ),
    Spec("adamax", lambda: adamx.adamax(RATE), "torch", torch_path("Adamax")),
    Spec(
        "adamax_unusual",
        lambda: adamx.adamax(RATE, 0.7, 0.8, 1e-3),
        "torch",
        torch_path("Adamax", betas=(0.7, 0.8), eps=1e-3),
    ),
    Spec(
        "keras_adamax",
        lambda: adamx.adamax(RATE, 0.7, 0.8, 1e-3, eps_in_max=False),
        "keras",
        keras_path("Adamax", beta_1=0.7, beta_2=0.8, epsilon=1e-3),
    ),
    Spec(
        "keras_adamaxw",
        lambda: adamx.adamaxw(RATE, eps=1e-7, weight_decay=0.1, eps_in_max=False),
        "keras",
        keras_path("Adamax", weight_decay=0.1),
    ),
    Spec(
        "nadam",
        lambda: adamx.nadam(RATE, momentum_decay=0.004),
        "torch",
        torch_path("NAdam", step=in_float64),
    ),
    Spec(
        "nadam_constant",
        lambda: adamx.nadam(RATE, 0.7, 0.8, 1e-3),
        None,
        numpy_path(_zeros, _nadam_constant),
    ),
    Spec(
        "keras_nadam",
        lambda: adamx.nadam(RATE, eps=1e-7, momentum_decay=1.0),
        "keras",
        keras_path("Nadam"),
    ),
    Spec(
        "keras_nadam_unusual",
        lambda: adamx.nadam(RATE, 0.7, 0.8, 1e-3, momentum_decay=1.0),
        "keras",
        keras_path("Nadam", beta_1=0.7, beta_2=0.8, epsilon=1e-3),
    ),
    Spec(
        "nadamw",
        lambda: adamx.nadamw(
            RATE, 0.7, 0.8, 1e-3, weight_decay=0.1, momentum_decay=0.02
        ),
        "torch",
        torch_path(
            "NAdam",
            step=in_float64,
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
            momentum_decay=0.02,
            decoupled_weight_decay=True,
        ),
    ),
    Spec(
        "adabelief",
        lambda: adamx.adabelief(RATE),
        "adabelief-pytorch",
        torch_path("AdaBelief", "adabelief_pytorch", **_PLAIN),
    ),
    Spec(
        "adabelief_unusual",
        lambda: adamx.adabelief(RATE, 0.7, 0.8, 1e-3, 1e-3),
        "adabelief-pytorch",
        torch_path(
            "AdaBelief", "adabelief_pytorch", betas=(0.7, 0.8), eps=1e-3, **_PLAIN
        ),
    ),
    Spec(
        "adam_nesterov",
        lambda: adamx.adam(RATE, 0.7, 0.8, 1e-3, nesterov=True, eps_hat=True),
        None,
        numpy_path(_zeros, _nesterov_eps_hat),
    ),
]
