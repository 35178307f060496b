"""What came after Adam: better moments, trust ratios, wrappers."""

from collections.abc import Callable
from typing import Any

import numpy as np

import adamx
from tests.oracles import keras_path, numpy_path, torch_path, torch_steps
from tests.spec import RATE, Oracle, Spec


def _po(name: str, **options: Any) -> Oracle:
    return torch_path(name, library="pytorch_optimizer", foreach=False, **options)


def _optimi(name: str, **options: Any) -> Oracle:
    return torch_path(name, library="optimi", foreach=False, triton=False, **options)


def _matrices(path: str, leaf: Any) -> bool:
    return leaf.ndim > 1


def _norm_ratio(x: np.ndarray, d: np.ndarray) -> float:
    sizes = np.sqrt((x * x).sum()), np.sqrt((d * d).sum())
    return sizes[0] / sizes[1] if all(sizes) else 1.0


def _adam_direction(b1: float, b2: float, eps: float) -> Callable[..., Any]:
    def direction(g: np.ndarray, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g * g
        return mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps), (mu, nu)

    return direction


def _two_zeros(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros_like(p), np.zeros_like(p)


def _lamb(
    decay: float, b1: float, b2: float, eps: float, apart: bool = False
) -> Oracle:
    """LAMB with its decay, which Keras's has not: the paper's algorithm 2."""
    direction = _adam_direction(b1, b2, eps)

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        d, memory = direction(g, memory, t)
        if apart:
            return p - RATE * (_norm_ratio(p, d) * d + decay * p), memory
        d = d + decay * p
        return p - RATE * _norm_ratio(p, d) * d, memory

    return numpy_path(_two_zeros, step)


def _lars_optax(decay: float, trust: float, momentum: float) -> Oracle:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        d = g + decay * p
        ratio = trust * _norm_ratio(p, d) if d.any() and p.any() else 1.0
        memory = momentum * memory + RATE * ratio * d
        return p - memory, memory

    return numpy_path(np.zeros_like, step)


def _c_adamw(decay: float) -> Oracle:
    """C-AdamW of the authors: the decay is not masked."""
    direction = _adam_direction(0.9, 0.999, 1e-8)

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        d, memory = direction(g, memory, t)
        mask = (d * g > 0).astype(float)
        return p - RATE * (d * mask / max(mask.mean(), 1e-3) + decay * p), memory

    return numpy_path(_two_zeros, step)


def _cautious_momentum(decay: float) -> Oracle:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        memory = decay * memory + g
        mask = (memory * g > 0).astype(float)
        return p - RATE * memory * mask / max(mask.mean(), 1e-3), memory

    return numpy_path(np.zeros_like, step)


def _centralized(optimizer: Any, tensors: dict[str, Any]) -> None:
    from pytorch_optimizer.optimizer.gradient_centralization import (  # pyright: ignore
        centralize_gradient,
    )

    for tensor in tensors.values():
        centralize_gradient(tensor.grad)
    optimizer.step()


def _sgd(tensors: list[Any]) -> Any:
    import torch  # pyright: ignore[reportMissingImports]

    return torch.optim.SGD(tensors, lr=RATE)


def _centralized_last(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
    if g.ndim > 1:
        g = g - g.mean(axis=tuple(range(g.ndim - 1)), keepdims=True)
    return p - RATE * g, memory


def _laprop(b1: float, b2: float, eps: float, decay: float) -> Oracle:
    """The authors' code at a constant rate; pytorch_optimizer's ε is elsewhere."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        nu = b2 * nu + (1 - b2) * g * g
        below = np.sqrt(nu / (1 - b2**t)) + eps
        mu = b1 * mu + (1 - b1) * g / below
        return p - RATE * (mu / (1 - b1**t) + decay * p), (mu, nu)

    return numpy_path(_two_zeros, step)


def _novograd_averaging(b1: float, b2: float, eps: float, decay: float) -> Oracle:
    """NVIDIA's form with averaging. torch_optimizer has it, with ν in float32."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        square = (g * g).sum()
        nu = square if t == 1 else b2 * nu + (1 - b2) * square
        d = g / (np.sqrt(nu) + eps) + decay * p
        mu = b1 * mu + (1 - b1) * d
        return p - RATE * mu, (mu, nu)

    return numpy_path(lambda p: (np.zeros_like(p), 0.0), step)


def _simplified_ademamix(
    b1: float, b2: float, alpha: float, eps: float, decay: float
) -> Oracle:
    """Optax's form. pytorch_optimizer averages and corrects in another way."""

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        mu, nu = b1 * mu + g, b2 * nu + (1 - b2) * g * g
        d = (mu + alpha * g) / (np.sqrt(nu / (1 - b2**t)) + eps)
        return p - RATE * (d + decay * p), (mu, nu)

    return numpy_path(_two_zeros, step)


SPECS: list[Spec] = [
    Spec(
        "lamb",
        lambda: adamx.lamb(RATE, eps=1e-7),
        "keras",
        keras_path("Lamb"),
    ),
    Spec(
        "lamb_unusual",
        lambda: adamx.lamb(RATE, 0.7, 0.8, 1e-3),
        "keras",
        keras_path("Lamb", beta_1=0.7, beta_2=0.8, epsilon=1e-3),
    ),
    Spec(
        "lamb_decay",
        lambda: adamx.lamb(RATE, 0.7, 0.8, 1e-3, weight_decay=0.1),
        None,
        _lamb(0.1, 0.7, 0.8, 1e-3),
    ),
    Spec(
        "lamb_decay_apart",
        lambda: adamx.lamb(RATE, eps=1e-7, weight_decay=0.1, decay_in_ratio=False),
        None,
        _lamb(0.1, 0.9, 0.999, 1e-7, apart=True),
    ),
    Spec(
        "lars",
        lambda: adamx.lars(RATE, trust_ratio_mask=_matrices),
        "pytorch_optimizer",
        _po("LARS", weight_decay=0.0, nesterov=False),
    ),
    Spec(
        "lars_apart",
        lambda: adamx.lars(
            RATE,
            0.1,
            trust_coefficient=0.5,
            trust_ratio_mask=_matrices,
            momentum=0.7,
            nesterov=True,
            norms_apart=True,
        ),
        "pytorch_optimizer",
        _po(
            "LARS", weight_decay=0.1, trust_coefficient=0.5, momentum=0.7, nesterov=True
        ),
    ),
    Spec(
        "lars_decay",
        lambda: adamx.lars(RATE, 0.1, trust_coefficient=0.5, momentum=0.7),
        None,
        _lars_optax(0.1, 0.5, 0.7),
    ),
    # What pytorch_optimizer and others call cautious divides by (Σ mask + 1) / n; the
    # formula is that of the authors.
    Spec(
        "cautious_adamw",
        lambda: adamx.chain(
            adamx.cautious(adamx.scale_by_adam(), flip_sign=False),
            adamx.add_decayed_weights(0.1),
            adamx.scale_by_learning_rate(RATE),
        ),
        None,
        _c_adamw(0.1),
    ),
    Spec(
        "cautious_sgd",
        lambda: adamx.cautious(adamx.sgd(RATE, 0.8)),
        None,
        _cautious_momentum(0.8),
    ),
    Spec(
        "centralize",
        lambda: adamx.chain(adamx.centralize(), adamx.sgd(RATE)),
        "pytorch_optimizer",
        torch_steps(_sgd, _centralized),
    ),
    Spec(
        "centralize_last",
        lambda: adamx.chain(adamx.centralize(-1), adamx.sgd(RATE)),
        None,
        numpy_path(lambda p: None, _centralized_last),
    ),
    Spec(
        "laprop",
        lambda: adamx.laprop(RATE),
        None,
        _laprop(0.9, 0.999, 1e-15, 0.0),
    ),
    Spec(
        "laprop_unusual",
        lambda: adamx.laprop(RATE, 0.7, 0.8, 1e-3, weight_decay=0.1),
        None,
        _laprop(0.7, 0.8, 1e-3, 0.1),
    ),
    Spec(
        "laprop_eps_hat",
        lambda: adamx.laprop(RATE, 0.7, 0.8, 1e-3, 1e-15, eps_hat=True),
        "pytorch_optimizer",
        _po("LaProp", betas=(0.7, 0.8), eps=1e-3),
    ),
    Spec(
        "adan",
        lambda: adamx.adan(RATE, eps_root=0.0),
        "torch-optimi",
        _optimi("Adan", weight_decay=0.0, eps=1e-8),
    ),
    Spec(
        "adan_unusual",
        lambda: adamx.adan(RATE, 0.7, 0.8, 0.9, 1e-3, 0.0, 0.1),
        "torch-optimi",
        _optimi("Adan", betas=(0.7, 0.8, 0.9), eps=1e-3, weight_decay=0.1),
        # optimi rounds the parameter three times in a step (two additions and the
        # division by 1 + η·λ): 60 · 3 · 1.1e-16 of a parameter in steps of 1e-2.
        3e-12,
    ),
    Spec(
        "adan_no_prox",
        lambda: adamx.adan(RATE, 0.7, 0.8, 0.9, 1e-3, 0.0, 0.1, proximal=False),
        "pytorch_optimizer",
        _po(
            "Adan",
            betas=(0.7, 0.8, 0.9),
            eps=1e-3,
            weight_decay=0.1,
            weight_decouple=True,
        ),
    ),
    Spec(
        "novograd",
        lambda: adamx.novograd(RATE),
        "pytorch_optimizer",
        _po(
            "NovoGrad",
            betas=(0.9, 0.25),
            eps=1e-6,
            weight_decouple=False,
            grad_averaging=False,
        ),
    ),
    Spec(
        "novograd_unusual",
        lambda: adamx.novograd(RATE, 0.7, 0.8, 1e-3, weight_decay=0.1),
        "pytorch_optimizer",
        _po(
            "NovoGrad",
            betas=(0.7, 0.8),
            eps=1e-3,
            weight_decay=0.1,
            weight_decouple=False,
            grad_averaging=False,
        ),
    ),
    Spec(
        "novograd_averaging",
        lambda: adamx.novograd(
            RATE, 0.95, 0.5, 1e-3, weight_decay=0.1, grad_averaging=True
        ),
        None,
        _novograd_averaging(0.95, 0.5, 1e-3, 0.1),
    ),
    Spec(
        "adopt",
        lambda: adamx.adopt(RATE),
        "pytorch_optimizer",
        _po("ADOPT", clip_lambda=lambda t: (t - 1) ** 0.25),
    ),
    Spec(
        "adopt_unusual",
        lambda: adamx.adopt(RATE, 0.7, 0.8, 1e-3, clip_value_fn=lambda t: t**0.5),
        "pytorch_optimizer",
        _po("ADOPT", betas=(0.7, 0.8), eps=1e-3, clip_lambda=lambda t: (t - 1) ** 0.5),
    ),
    Spec(
        "adopt_unclipped_decay",
        lambda: adamx.adopt(RATE, 0.7, 0.8, 1e-3, use_clipping=False, weight_decay=0.1),
        "pytorch_optimizer",
        _po(
            "ADOPT",
            betas=(0.7, 0.8),
            eps=1e-3,
            clip_lambda=None,
            weight_decay=0.1,
            weight_decouple=True,
        ),
    ),
    Spec(
        "ademamix",
        lambda: adamx.ademamix(RATE),
        "pytorch_optimizer",
        _po("AdEMAMix"),
    ),
    Spec(
        "ademamix_unusual",
        lambda: adamx.ademamix(RATE, 0.7, 0.8, 0.95, 2.0, 1e-3, weight_decay=0.1),
        "pytorch_optimizer",
        _po(
            "AdEMAMix",
            betas=(0.7, 0.8, 0.95),
            alpha=2.0,
            eps=1e-3,
            weight_decay=0.1,
            weight_decouple=True,
        ),
    ),
    Spec(
        "simplified_ademamix",
        lambda: adamx.simplified_ademamix(RATE),
        None,
        _simplified_ademamix(0.99, 0.95, 0.0, 1e-8, 0.0),
    ),
    Spec(
        "simplified_ademamix_unusual",
        lambda: adamx.simplified_ademamix(RATE, 0.7, 0.8, 2.0, 1e-3, weight_decay=0.1),
        None,
        _simplified_ademamix(0.7, 0.8, 2.0, 1e-3, 0.1),
    ),
]
