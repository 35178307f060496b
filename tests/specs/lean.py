"""Less memory than Adam: factored and shared second moments."""

import importlib
import os
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np

import adamx
from adamx.testing.trees import SHAPES
from tests.oracles import keras_path, numpy_path, torch_path, torch_steps
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


def _fairseq_adafactor(
    rate: float, momentum: float, decay: float, *directions: adamx.Transform
) -> adamx.Transform:
    """Adafactor whose decay is scaled as the steps are, and not averaged with them."""
    size = adamx.chain(
        adamx.scale_by_param_block_rms(0.3),
        adamx.scale_by_learning_rate(rate, flip_sign=False),
    )
    return adamx.chain(
        adamx.fork(
            lambda step, decay: step + decay,
            step=adamx.chain(*directions, size, adamx.scale_by_momentum(momentum)),
            decay=adamx.chain(adamx.scale(0.0), adamx.add_decayed_weights(decay), size),
        ),
        adamx.scale(-1.0),
    )


def _sm3(**options: Any) -> Oracle:
    return torch_path("SM3", "pytorch_optimizer", foreach=False, **options)


def _scalars_as_vectors(oracle: Oracle) -> Oracle:
    """With `beta`, pytorch_optimizer's accumulators never fall, but for scalars'."""

    def vectors(tree: Any) -> Any:
        return {name: np.atleast_1d(x) for name, x in tree.items()}

    def path(params: Any, grads: Any) -> Any:
        found = oracle(vectors(params), [vectors(g) for g in grads])
        return {k: steps.reshape(-1, *params[k].shape) for k, steps in found.items()}

    return path


def _sm3_ii(decay: float, b2: float | None, eps: float) -> Oracle:
    """The paper's SM3-II, and Optax's average of it, with an average of the steps."""

    def start(p: np.ndarray) -> Any:
        return [np.zeros(n) for n in p.shape or (1,)], np.zeros_like(p)

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        covers, mu = memory
        nu, new = np.zeros(p.shape), [np.zeros_like(c) for c in covers]
        for at in np.ndindex(p.shape):
            seen = [c[i] for c, i in zip(covers, at or (0,), strict=True)]
            square = g[at] ** 2
            old = min(seen)
            nu[at] = old + square if b2 is None else b2 * old + (1 - b2) * square
            for c, i in zip(new, at or (0,), strict=True):
                c[i] = max(c[i], nu[at])
        root = np.sqrt(nu + eps)
        d = np.divide(g, root, out=np.zeros_like(p), where=root > 0)
        mu = decay * mu + (1 - decay) * d
        return p - RATE * mu, (new, mu)

    return numpy_path(start, step)


def _came(**options: Any) -> Oracle:
    return torch_path("CAME", "came_pytorch", **options)


def _adam_mini(names: dict[str, str], **options: Any) -> Oracle:
    """The authors' code, which asks for names: ours by default, which mean nothing."""

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("adam_mini")
        named = [
            (names.get(leaf, leaf), tensor)
            for leaf, tensor in zip(SHAPES, tensors, strict=True)
        ]
        return library.Adam_mini(named, lr=RATE, verbose=False, **options)

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
        lambda: _fairseq_adafactor(
            0.2,
            0.7,
            0.1,
            adamx.scale_by_factored_rms(decay_rate=0.5, epsilon=1e-3, **FACTORED),
            adamx.clip_by_block_rms(1.5),
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
        # The rate alone scales the decay.
        lambda: adamx.adafactor(
            RATE,
            multiply_by_parameter_scale=False,
            eps=1e-3,
            momentum=0.9,
            weight_decay_rate=0.1 * RATE,
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
        "adafactor_keras_unusual",
        lambda: adamx.chain(
            adamx.scale_by_factored_rms(decay_rate=0.5, epsilon=1e-3, **FACTORED),
            adamx.clip_by_block_rms(0.5),
            adamx.scale_by_param_block_rms(0.3),
            adamx.scale_by_relative_step(0.5),
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
        lambda: adamx.adafactor(RATE, relative_step=True, **FACTORED),
        "torch",
        _torch_adafactor(eps=(1e-30, 1e-3)),
    ),
    Spec(
        "adafactor_torch_unusual",
        lambda: adamx.chain(
            adamx.scale_by_factored_rms(
                decay_rate=0.5, epsilon=1e-2, eps_floor=True, **FACTORED
            ),
            adamx.clip_by_block_rms(1.5),
            adamx.scale_by_param_block_rms(0.3),
            adamx.scale_by_relative_step(0.5, flip_sign=False),
            adamx.add_decayed_weights(0.1 * 0.5),
            adamx.scale(-1.0),
        ),
        "torch",
        _torch_adafactor(
            lr=0.5, beta2_decay=-0.5, eps=(1e-2, 0.3), d=1.5, weight_decay=0.1
        ),
    ),
    Spec(
        "sm3",
        lambda: adamx.sm3(RATE, None, eps=1e-30),
        "pytorch_optimizer",
        _sm3(),
    ),
    Spec(
        "sm3_unusual",
        lambda: adamx.sm3(RATE, 0.7, eps=1e-3),
        "pytorch_optimizer",
        _sm3(momentum=0.7, eps=1e-3),
    ),
    Spec(
        "sm3_average",
        lambda: adamx.sm3(RATE, 0.9, b2=0.8, eps=1e-3, keep_largest=True),
        "pytorch_optimizer",
        _scalars_as_vectors(_sm3(momentum=0.9, beta=0.8, eps=1e-3)),
    ),
    Spec("sm3_paper", lambda: adamx.sm3(RATE, eps=0.0), None, _sm3_ii(0.9, None, 0.0)),
    Spec(
        "sm3_falling",
        lambda: adamx.sm3(RATE, 0.7, b2=0.8, eps=1e-3),
        None,
        _sm3_ii(0.7, 0.8, 1e-3),
    ),
    Spec("came", lambda: adamx.came(RATE), "came-pytorch", _came()),
    Spec(
        "came_unusual",
        lambda: adamx.came(RATE, 0.7, 0.8, 0.9, 1e-3, 1e-2, 0.5, 0.1),
        "came-pytorch",
        _came(
            betas=(0.7, 0.8, 0.9),
            eps=(1e-3, 1e-2),
            clip_threshold=0.5,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "adam_mini",
        lambda: adamx.adam_mini(RATE, blocks=()),
        "adam-mini",
        _adam_mini({}),
    ),
    Spec(
        "adam_mini_blocks",
        lambda: adamx.adam_mini(
            RATE,
            0.7,
            0.8,
            1e-3,
            weight_decay=0.1,
            mask=lambda path, leaf: path != "vector",
            blocks={"each": (0, 1), "row": 0, "head": ((0, 2),), "whole": ()},
            block_labels={
                "scalar": "whole",
                "vector": "each",
                "matrix": "row",
                "cube": "head",
            },
        ),
        "adam-mini",
        _adam_mini(
            {"vector": "bias", "matrix": "mlp", "cube": "q_proj"},
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
            # A head of 6·6 / 6 numbers: half of the cube.
            dim=6,
            n_heads=6,
        ),
    ),
]
