"""Optimizers of whole matrices."""

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import adamx
from adamx.testing import GAINS
from tests.oracles import keras_steps, numpy_path, torch_steps
from tests.spec import RATE, Oracle, Spec

STANDARD = ((3.4445, -4.7750, 2.0315),)
YOU = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


def two_axes(path: str, leaf: Any) -> bool:
    return len(leaf.shape) == 2


def some_axes(path: str, leaf: Any) -> bool:
    return len(leaf.shape) > 1


def out_first(path: str, shape: tuple[int, ...]) -> adamx.MatrixView:
    """PyTorch's (out, in, …)."""
    return adamx.MatrixView((), tuple(range(1, len(shape))), (0,))


def _keras_muon(adam: dict[str, Any], **options: Any) -> Oracle:
    """Keras's Muon, and its Adam for what has not two axes.

    With norms in float64: its own are float32 whatever they are of, 1e-6 of a step off.
    """
    arguments = {"learning_rate": RATE, **adam, **options}

    def norm(x: Any, **options: Any) -> Any:
        return jnp.linalg.norm(jnp.asarray(x), **options)

    def oracle(params: Any, grads: Any) -> Any:
        os.environ["KERAS_BACKEND"] = "jax"
        importlib.import_module("keras")
        with mock.patch("keras.src.ops.norm", norm):
            make = keras_steps(lambda keras: keras.optimizers.Muon(**arguments))
            return make(params, grads)

    return oracle


class _Both:
    """Two optimizers of PyTorch, one step of each."""

    def __init__(self, *each: Any) -> None:
        self.each = each

    def step(self) -> None:
        for optimizer in self.each:
            optimizer.step()


def _torch_muon(**options: Any) -> Oracle:
    """PyTorch's Muon, but in float64: its products are in bfloat16, always."""

    def build(tensors: list[Any]) -> Any:
        optim: Any = importlib.import_module("torch.optim")
        matrices = [t for t in tensors if t.ndim == 2]
        others = [t for t in tensors if t.ndim != 2]
        return _Both(
            optim.Muon(matrices, lr=RATE, **options),
            optim.AdamW(others, lr=RATE, weight_decay=0.0, foreach=False),
        )

    def step(optimizer: Any, tensors: Any) -> None:
        torch: Any = importlib.import_module("torch")
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            optimizer.step()

    return torch_steps(build, step)


@contextlib.contextmanager
def _in_float64(*modules: str) -> Iterator[None]:
    """pytorch_optimizer's Newton–Schulz, which is in bfloat16 unless told otherwise."""
    torch: Any = importlib.import_module("torch")
    name = "zero_power_via_newton_schulz_5"
    with contextlib.ExitStack() as stack:
        for module in modules:
            of = importlib.import_module(f"pytorch_optimizer.optimizer.{module}")
            exact = functools.partial(getattr(of, name), dtype=torch.float64)
            stack.enter_context(mock.patch.object(of, name, exact))
        yield


def _normuon(**options: Any) -> Oracle:
    """pytorch_optimizer's, which sees (out, in) and flattens what has more axes."""

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        groups = [
            {"params": [t for t in tensors if t.ndim > 1], "use_muon": True},
            {"params": [t for t in tensors if t.ndim < 2], "use_muon": False},
        ]
        rates = {"lr": RATE, "adamw_lr": RATE, "foreach": False}
        return library.NorMuon(groups, **rates, **options)

    def step(optimizer: Any, tensors: Any) -> None:
        with _in_float64("muon.normuon", "muon.base"):
            optimizer.step()

    return torch_steps(build, step)


def _scion(**options: Any) -> Oracle:
    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        return library.SCION(tensors, lr=RATE, foreach=False, **options)

    def step(optimizer: Any, tensors: Any) -> None:
        with _in_float64("scion"):
            optimizer.step()

    return torch_steps(build, step)


class _Sign(adamx.Rule):
    """The authors' ball of the root mean square, of one number: their ε never fades."""

    def step(self, g: Any, slots: Any, shared: Any, param: Any) -> tuple[Any, Any]:
        return g / (abs(g) + 1e-8), slots


def _of_numbers(
    radius: float, beta: float = 0.9, constrained: bool = False
) -> adamx.Transform:
    return adamx.chain(
        adamx.scale_by_momentum(beta),
        adamx.lift(_Sign()),
        adamx.scale(radius),
        adamx.add_decayed_weights(float(constrained)),
        adamx.scale(-RATE),
    )


def _adamx_scion(radius: float, **options: Any) -> adamx.Transform:
    """As the authors': ε for biases alone, and √k of the k places of convolutions.

    The gradients of single numbers are down to 1e-8, where ours leaves ε out.
    """
    exact = adamx.orthogonalize(eps=0.0)
    make = functools.partial(
        adamx.scion, RATE, view=out_first, orthogonalize=exact, **options
    )
    each: dict[Any, Any] = {
        "places": make(radius=radius / 2**0.5),
        "matrix": make(radius=radius),
        "bias": make(radius=radius),
        "number": _of_numbers(radius, **options),
    }
    kinds = ("number", "bias", "matrix", "places")
    return adamx.partition(each, lambda path, leaf: kinds[len(leaf.shape)])


def _scion_of_matrices(norm: int, **options: Any) -> Oracle:
    """One norm for the matrix and plain averages for what has other shapes."""

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        groups = [
            {"params": [t for t in tensors if t.ndim == 2], "norm_type": norm},
            {"params": [t for t in tensors if t.ndim != 2], "norm_type": 0},
        ]
        return library.SCION(groups, lr=RATE, foreach=False, **options)

    return torch_steps(build)


def _adamx_scion_of_matrices(
    norm: Any, radius: float = 1.0, **options: Any
) -> adamx.Transform:
    options = {"view": out_first, "radius": radius, **options}
    averages = adamx.scale_by_momentum(0.9), adamx.scale(radius), adamx.scale(-RATE)
    return adamx.partition(
        {True: adamx.scion(RATE, norm, **options), False: adamx.chain(*averages)},
        two_axes,
    )


def _optax_muon(**options: Any) -> Oracle:
    def oracle(params: Any, grads: Any) -> Any:
        import optax

        tx = optax.contrib.muon(RATE, **options)
        update = jax.jit(tx.update)
        at = jax.tree.map(jnp.asarray, params)
        state, path = tx.init(at), []
        for g in grads:
            updates, state = update(jax.tree.map(jnp.asarray, g), state, at)
            at = optax.apply_updates(at, updates)
            path.append(at)
        return jax.tree.map(lambda *steps: np.stack(steps), *path)

    return oracle


def polar(
    x: np.ndarray, polynomials: Any, steps: int, eps: float, margin: float = 1.0
) -> np.ndarray:
    """Newton–Schulz as it is written down, for a stack of matrices or for one."""
    norm = np.sqrt(np.sum(x**2, (-2, -1), keepdims=True))
    x = x / (margin * norm + eps)
    for k in range(steps):
        a, b, c = polynomials[min(k, len(polynomials) - 1)]
        square = x @ np.swapaxes(x, -2, -1)
        x = a * x + b * square @ x + c * square @ square @ x
    return x


def adam_step(rate: float, b1: float, b2: float, eps: float, decay: float) -> Any:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, nu = memory
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g**2
        direction = mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps)
        return p - rate * (direction + decay * p), (mu, nu)

    return step


def _paper_muon(
    method: Any,
    beta: float,
    scale: Any,
    adam: Any,
    *,
    nesterov: bool = True,
    decay: float = 0.0,
    cautious: bool = False,
) -> Oracle:
    """Jordan's code, for (in, out): a stack of matrices is as many matrices."""

    def start(p: np.ndarray) -> Any:
        return np.zeros_like(p), np.zeros_like(p)

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        if p.ndim < 2:
            return adam(p, g, memory, t)
        mu = beta * memory[0] + (1 - beta) * g
        ahead = (1 - beta) * g + beta * mu if nesterov else mu
        u = scale(*p.shape[-2:]) * polar(ahead, *method)
        decays = u * p >= 0 if cautious else np.ones_like(p)
        return p - RATE * (u + decay * decays * p), (mu, mu)

    return numpy_path(start, step)


def _default_muon(**options: Any) -> Oracle:
    """Muon and Adam with the defaults of `muon`, but for some options."""
    return _paper_muon(
        (STANDARD, 5, 1e-8),
        0.95,
        lambda rows, cols: max(1, cols / rows) ** 0.5,
        adam_step(RATE, 0.9, 0.999, 1e-8, 0.0),
        **options,
    )


def _paper_hyperball(rate: float, decay: float) -> Oracle:
    """Wen et al., algorithm 1, around heavy-ball momentum."""

    def start(p: np.ndarray) -> Any:
        radius = np.sqrt(np.sum(p**2, (-2, -1), keepdims=True)) if p.ndim > 1 else 1
        return np.zeros_like(p), radius

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        trace, radius = memory
        trace = g + decay * trace
        u = -0.3 * trace
        if p.ndim < 2:
            return p + u, (trace, radius)

        def unit(x: np.ndarray) -> np.ndarray:
            return x / np.sqrt(np.sum(x**2, (-2, -1), keepdims=True))

        return radius * unit(p + rate * radius * unit(u)), (trace, radius)

    return numpy_path(start, step)


def _polar_express() -> Any:
    table = adamx.NEWTON_SCHULZ["polar_express"]
    return table.polynomials, 7, 1e-7, table.margin


def _cautious_muon(decay: float) -> adamx.Transform:
    """What `muon` does to matrices, with another decay."""
    return adamx.chain(
        adamx.scale_by_muon(scale="width"),
        adamx.add_decayed_weights(decay, cautious=True),
        adamx.scale_by_learning_rate(RATE),
    )


KERAS = {"adam_weight_decay": 0.0}

POLAR = GAINS["scion"][0]
"""For what is made of it."""

FALLEN = 100.0
"""For a direction of an average that was so many times as large before: it has the
rounding errors of that still."""

SPECS: list[Spec] = [
    Spec(
        "keras_muon",
        lambda: adamx.muon(
            RATE,
            weight_decay=0.004,
            scale="none",
            # Keras adds gradients up where we average them: 20 times as much, and ε.
            orthogonalize=adamx.orthogonalize(eps=1e-7 * (1 - 0.95)),
            matrices=two_axes,
            rest=adamx.adam(RATE, eps=1e-7, eps_hat=True),
        ),
        "keras",
        _keras_muon(KERAS, rms_rate=None),
    ),
    Spec(
        "keras_muon_unusual",
        lambda: adamx.muon(
            RATE,
            0.7,
            0.1,
            nesterov=False,
            consistent_rms=0.3,
            orthogonalize=adamx.orthogonalize(
                (2.0, -1.5, 0.5), 3, eps=1e-7 * (1 - 0.7)
            ),
            matrices=two_axes,
            rest=adamx.adamw(RATE / 2, 0.8, 0.9, 1e-3, weight_decay=0.2, eps_hat=True),
        ),
        "keras",
        _keras_muon(
            {"adam_beta_1": 0.8, "adam_beta_2": 0.9, "adam_lr_ratio": 0.5},
            # Keras takes decay times the rate of the matrices.
            adam_weight_decay=0.1,
            epsilon=1e-3,
            muon_a=2.0,
            muon_b=-1.5,
            muon_c=0.5,
            momentum=0.7,
            ns_steps=3,
            nesterov=False,
            rms_rate=0.3,
            weight_decay=0.1,
        ),
    ),
    Spec(
        "torch_muon",
        lambda: adamx.muon(
            RATE,
            weight_decay=0.1,
            orthogonalize=adamx.orthogonalize(eps=0.0),
            matrices=two_axes,
            view=out_first,
            rest=adamx.adam(RATE),
        ),
        "torch",
        _torch_muon(),
    ),
    Spec(
        "torch_muon_unusual",
        lambda: adamx.muon(
            RATE,
            0.7,
            0.3,
            nesterov=False,
            consistent_rms=0.2,
            orthogonalize=adamx.orthogonalize((2.0, -1.5, 0.5), 4, eps=0.0),
            matrices=two_axes,
            view=out_first,
            rest=adamx.adam(RATE),
        ),
        "torch",
        _torch_muon(
            ns_coefficients=(2.0, -1.5, 0.5),
            ns_steps=4,
            momentum=0.7,
            weight_decay=0.3,
            nesterov=False,
            adjust_lr_fn="match_rms_adamw",
        ),
    ),
    Spec(
        "optax_muon",
        lambda: adamx.muon(
            RATE,
            bias_corrected=True,
            matrices=two_axes,
            rest=adamx.nadamw(RATE, weight_decay=0.0),
        ),
        "optax",
        _optax_muon(),
    ),
    Spec(
        "optax_muon_unusual",
        lambda: adamx.muon(
            RATE,
            0.7,
            0.1,
            bias_corrected=True,
            consistent_rms=0.3,
            orthogonalize=adamx.orthogonalize("dion", eps=1e-3),
            matrices=two_axes,
            rest=adamx.nadamw(RATE / 2, 0.8, 0.9, 1e-3, weight_decay=0.2),
        ),
        "optax",
        _optax_muon(
            ns_coeffs=YOU,
            beta=0.7,
            eps=1e-3,
            weight_decay=0.1,
            adam_b1=0.8,
            adam_b2=0.9,
            adam_weight_decay=0.2,
            adam_learning_rate=RATE / 2,
            consistent_rms=0.3,
        ),
    ),
    Spec(
        "muon",
        lambda: adamx.muon(RATE),
        None,
        _default_muon(),
    ),
    Spec(
        "muon_unusual",
        lambda: adamx.muon(
            RATE,
            0.7,
            0.3,
            nesterov=False,
            scale="spectral",
            orthogonalize=adamx.orthogonalize(
                "polar_express", 7, eps=1e-7, stacked=None
            ),
            rest=adamx.adamw(RATE / 2, 0.8, 0.9, 1e-7, weight_decay=0.2),
        ),
        None,
        _paper_muon(
            _polar_express(),
            0.7,
            lambda rows, cols: (cols / rows) ** 0.5,
            adam_step(RATE / 2, 0.8, 0.9, 1e-7, 0.2),
            nesterov=False,
            decay=0.3,
        ),
    ),
    Spec(
        "muon_cautious",
        lambda: adamx.partition(
            {True: _cautious_muon(0.3), False: adamx.adam(RATE)},
            adamx.is_hidden_matrix,
        ),
        None,
        _default_muon(decay=0.3, cautious=True),
        gain=GAINS["muon"][0],
    ),
    Spec(
        "normuon",
        lambda: adamx.normuon(
            RATE,
            eps=1e-15,
            orthogonalize=adamx.orthogonalize(eps=0.0),
            matrices=some_axes,
            view=out_first,
            rest=adamx.adam(RATE, 0.9, 0.95, 1e-10),
        ),
        "pytorch_optimizer",
        _normuon(beta2=0.95, eps=1e-15),
    ),
    Spec(
        "normuon_unusual",
        lambda: adamx.normuon(
            RATE,
            0.7,
            0.8,
            1e-15,
            0.3,
            nesterov=False,
            consistent_rms=0.2,
            orthogonalize=adamx.orthogonalize(YOU, eps=0.0),
            matrices=some_axes,
            view=out_first,
            rest=adamx.adam(RATE, 0.9, 0.95, 1e-10),
        ),
        "pytorch_optimizer",
        _normuon(
            beta2=0.8,
            eps=1e-15,
            ns_coeffs="quintic",
            momentum=0.7,
            weight_decay=0.3,
            nesterov=False,
            use_adjusted_lr=True,
        ),
    ),
    Spec(
        "scion",
        lambda: _adamx_scion(1.0),
        "pytorch_optimizer",
        _scion(),
        gain=POLAR,
    ),
    Spec(
        "scion_constrained",
        lambda: _adamx_scion(3.0, beta=0.7, constrained=True),
        "pytorch_optimizer",
        _scion(momentum=0.3, scale=3.0, constraint=True),
        gain=POLAR,
    ),
    Spec(
        "scion_sign",
        lambda: _adamx_scion_of_matrices("sign", 2.0),
        "pytorch_optimizer",
        _scion_of_matrices(4, scale=2.0),
    ),
    Spec(
        "scion_colnorm",
        lambda: _adamx_scion_of_matrices("colnorm", normalized=False),
        "pytorch_optimizer",
        _scion_of_matrices(6),
        gain=FALLEN,
    ),
    Spec(
        "scion_rownorm",
        lambda: _adamx_scion_of_matrices("rownorm"),
        "pytorch_optimizer",
        _scion_of_matrices(7),
        gain=FALLEN,
    ),
    Spec(
        "hyperball",
        lambda: adamx.hyperball(adamx.sgd(0.3, 0.9), RATE),
        None,
        _paper_hyperball(RATE, 0.9),
        gain=FALLEN,
    ),
]
