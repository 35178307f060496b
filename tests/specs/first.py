"""The optimizers of the first hour: sgd, rmsprop, adam, adamw, amsgrad."""

from collections.abc import Callable
from typing import Any

import adamx
from adamx.schedules import inverse_time_decay_schedule
from tests.oracles import keras_path, torch_path
from tests.spec import RATE, Spec


def _adam(**options: Any) -> Callable[[], adamx.Transform]:
    return lambda: adamx.adam(RATE, **options)


SPECS = [
    Spec("sgd", lambda: adamx.sgd(RATE), "torch", torch_path("SGD")),
    Spec(
        "sgd_momentum",
        lambda: adamx.sgd(RATE, 0.8),
        "torch",
        torch_path("SGD", momentum=0.8),
    ),
    Spec(
        "sgd_nesterov",
        lambda: adamx.sgd(RATE, 0.8, nesterov=True),
        "torch",
        torch_path("SGD", momentum=0.8, nesterov=True),
    ),
    Spec(
        "keras_nesterov",
        lambda: adamx.sgd(RATE, 0.8, nesterov=True),
        "keras",
        keras_path("SGD", momentum=0.8, nesterov=True),
    ),
    Spec(
        "rmsprop",
        lambda: adamx.rmsprop(RATE, 0.99, eps_in_sqrt=False),
        "torch",
        torch_path("RMSprop"),
    ),
    Spec(
        "rmsprop_centered_momentum",
        lambda: adamx.rmsprop(
            RATE, 0.9, 1e-3, eps_in_sqrt=False, centered=True, momentum=0.7
        ),
        "torch",
        torch_path("RMSprop", alpha=0.9, eps=1e-3, centered=True, momentum=0.7),
    ),
    Spec(
        "keras_rmsprop",
        lambda: adamx.rmsprop(RATE, eps=1e-7),
        "keras",
        keras_path("RMSprop"),
    ),
    Spec(
        "keras_rmsprop_centered_momentum",
        lambda: adamx.rmsprop(RATE, 0.8, 1e-3, centered=True, momentum=0.7),
        "keras",
        keras_path(
            "RMSprop",
            rho=0.8,
            epsilon=1e-3,
            centered=True,
            momentum=0.7,
        ),
    ),
    Spec("adam", _adam(), "torch", torch_path("Adam")),
    Spec(
        "adam_unusual",
        _adam(b1=0.7, b2=0.8, eps=1e-3),
        "torch",
        torch_path("Adam", betas=(0.7, 0.8), eps=1e-3),
    ),
    Spec("keras_adam", _adam(eps=1e-7, eps_hat=True), "keras", keras_path("Adam")),
    Spec(
        "keras_adam_unusual",
        _adam(b1=0.7, b2=0.8, eps=1e-3, eps_hat=True),
        "keras",
        keras_path("Adam", beta_1=0.7, beta_2=0.8, epsilon=1e-3),
    ),
    Spec(
        "keras_adam_decay",
        lambda: adamx.adam(
            inverse_time_decay_schedule(RATE, 0.05), eps=1e-7, eps_hat=True
        ),
        "keras",
        keras_path("Adam", decay=0.05),
    ),
    Spec(
        "amsgrad",
        lambda: adamx.amsgrad(RATE),
        "torch",
        torch_path("Adam", amsgrad=True),
    ),
    Spec(
        "amsgrad_unusual",
        lambda: adamx.amsgrad(RATE, 0.7, 0.8, 1e-3),
        "torch",
        torch_path("Adam", betas=(0.7, 0.8), eps=1e-3, amsgrad=True),
    ),
    Spec(
        "keras_amsgrad",
        lambda: adamx.amsgrad(RATE, b2=0.9, eps=1e-7, eps_hat=True),
        "keras",
        keras_path("Adam", beta_2=0.9, amsgrad=True),
    ),
    Spec(
        "adamw",
        lambda: adamx.adamw(RATE, weight_decay=0.1),
        "torch",
        torch_path("AdamW", weight_decay=0.1),
    ),
    Spec(
        "keras_adamw",
        lambda: adamx.adamw(RATE, eps=1e-7, weight_decay=0.1, eps_hat=True),
        "keras",
        keras_path("AdamW", weight_decay=0.1),
    ),
]
