"""Less memory than Adam: factored and shared second moments."""

import importlib
import os
from typing import Any
from unittest import mock

import jax.numpy as jnp

import adamx
from tests.oracles import keras_path, torch_path, torch_steps
from tests.spec import RATE, Oracle, Spec

FACTORED = {"min_dim_size_to_factor": 1, "last_axes": True}
"""As all frameworks but Optax have it."""


def _torch_adafactor(**options: Any) -> Oracle:
    return torch_path("Adafactor", foreach=False, **options)


def _keras_adafactor(**options: Any) -> Oracle:
    """Keras's, with means in float64: its own are float32 whatever they are of."""

    def oracle(params: Any, grads: Any) -> Any:
        os.environ["KERAS_BACKEND"] = "jax"
        keras: Any = importlib.import_module("keras")

        def mean(x: Any, *where: Any, **options: Any) -> Any:
            return jnp.mean(keras.ops.convert_to_tensor(x), *where, **options)

        with mock.patch("keras.src.ops.mean", mean):
            return keras_path("Adafactor", **options)(params, grads)

    return oracle


def _fairseq(**options: Any) -> Oracle:
    """torch_optimizer's, which is fairseq's but for a mean that does not keep its axis.

    That fails for three dimensions; with the axis kept it is the original again.
    """

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("torch_optimizer")

        class Adafactor(library.Adafactor):
            def _approx_sq_grad(self, row: Any, col: Any, output: Any) -> None:
                factor = (row / row.mean(dim=-1, keepdim=True)).rsqrt_()
                output.copy_(factor.unsqueeze(-1) * col.unsqueeze(-2).rsqrt())

        return Adafactor(tensors, **{"lr": RATE, **options})

    return torch_steps(build)


SPECS: list[Spec] = [
    Spec(
        "adafactor",
        lambda: adamx.adafactor(RATE, **FACTORED),
        "torch_optimizer",
        _fairseq(relative_step=False),
    ),
    Spec(
        "adafactor_unusual",
        lambda: adamx.adafactor(
            0.2,
            decay_rate=0.5,
            clipping_threshold=1.5,
            momentum=0.7,
            weight_decay_rate=0.1,
            eps=1e-3,
            min_scale=0.3,
            decay_scale="step",
            **FACTORED,
        ),
        "torch_optimizer",
        _fairseq(
            lr=0.2,
            relative_step=False,
            decay_rate=-0.5,
            clip_threshold=1.5,
            beta1=0.7,
            weight_decay=0.1,
            eps2=(1e-3, 0.3),
        ),
    ),
    Spec(
        "adafactor_absolute",
        lambda: adamx.adafactor(
            RATE,
            multiply_by_parameter_scale=False,
            eps=1e-3,
            momentum=0.9,
            weight_decay_rate=0.1,
            decay_scale="step",
            **FACTORED,
        ),
        "torch_optimizer",
        _fairseq(
            relative_step=False,
            scale_parameter=False,
            eps2=(1e-3, 1e-3),
            beta1=0.9,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "keras_adafactor",
        lambda: adamx.adafactor(RATE, relative_step=True, **FACTORED),
        "keras",
        _keras_adafactor(),
    ),
    Spec(
        "keras_adafactor_unusual",
        lambda: adamx.adafactor(
            0.5,
            decay_rate=0.5,
            clipping_threshold=0.5,
            eps=1e-3,
            min_scale=0.3,
            relative_step=True,
            **FACTORED,
        ),
        "keras",
        _keras_adafactor(
            learning_rate=0.5,
            beta_2_decay=-0.5,
            epsilon_1=1e-3,
            epsilon_2=0.3,
            clip_threshold=0.5,
        ),
    ),
    Spec(
        "torch_adafactor",
        lambda: adamx.adafactor(RATE, relative_step=True, eps_floor=True, **FACTORED),
        "torch",
        _torch_adafactor(eps=(1e-30, 1e-3)),
    ),
    Spec(
        "torch_adafactor_unusual",
        lambda: adamx.adafactor(
            0.5,
            decay_rate=0.5,
            clipping_threshold=1.5,
            weight_decay_rate=0.1,
            eps=1e-2,
            min_scale=0.3,
            relative_step=True,
            eps_floor=True,
            decay_scale="learning_rate",
            **FACTORED,
        ),
        "torch",
        _torch_adafactor(
            lr=0.5, beta2_decay=-0.5, eps=(1e-2, 0.3), d=1.5, weight_decay=0.1
        ),
    ),
]
