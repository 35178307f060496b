"""Optimizers that see a part of each matrix."""

import contextlib
import functools
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import adamx
from tests.oracles import numpy_path, torch_steps
from tests.spec import RATE, Oracle, Spec
from tests.specs.kronecker import matrix_by_matrix, of_tamed, tamed

TURNED = 51.0
"""How far singular vectors turn by rounding, in units: the largest singular value over
the least gap, of the gradients that make directions, of seeds 0 to 2."""


def signed(vectors: np.ndarray) -> np.ndarray:
    """Singular vectors, as columns, with the signs that ours have.

    Those of LAPACK are anyone's, and moments outlive the vectors they were made with.
    """
    weights = np.modf(np.sqrt(1.0 + np.arange(len(vectors))))[0] + 1
    return vectors * np.sign(weights @ vectors)


def svd(a: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """NumPy's, in float64, with those signs on both sides."""
    u, s, v = np.linalg.svd(np.asarray(a, np.float64), full_matrices=False)
    return signed(u), s, signed(v.T).T


@contextlib.contextmanager
def _in_float64() -> Iterator[None]:
    """pytorch_optimizer's projector: its decomposition is in float32, always.

    With steps counted from 0, as the authors have it: it has new directions in steps
    1, k, 2·k …, they in 1, k + 1, 2·k + 1 ….
    """
    torch: Any = importlib.import_module("torch")
    of: Any = importlib.import_module("pytorch_optimizer.optimizer.utils.galore")
    project = of.GaLoreProjector.project

    def from_zero(self: Any, grad: Any, number: int) -> Any:
        return project(self, grad, number - 1)

    def of_tensors(a: Any, full_matrices: bool) -> Any:
        return tuple(map(torch.from_numpy, map(np.ascontiguousarray, svd(a))))

    with (
        mock.patch.object(torch, "float", torch.float64),
        mock.patch.object(torch.linalg, "svd", of_tensors),
        mock.patch.object(of.GaLoreProjector, "project", from_zero),
    ):
        yield


def _galore(options: dict[str, Any], **directions: Any) -> Oracle:
    """pytorch_optimizer's."""

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        group = {"params": tensors, **directions}
        return library.GaLore([group], lr=RATE, foreach=False, **options)

    def step(optimizer: Any, tensors: Any) -> None:
        with _in_float64():
            optimizer.step()

    return of_tamed(matrix_by_matrix(torch_steps(build, step)))


def _optax_galore(base: tuple[float, float] | None = None, **options: Any) -> Oracle:
    """Optax's, whose decomposition is in float32, always; of its Adam, or its Lion."""

    def oracle(params: Any, grads: Any) -> Any:
        import optax

        inner = None if base is None else optax.scale_by_lion(*base)
        of: Any = importlib.import_module("optax.contrib._galore")

        def of_arrays(a: Any, full_matrices: bool) -> Any:
            k = min(a.shape)
            shapes = (a.shape[0], k), (k,), (k, a.shape[1])
            kinds = tuple(jax.ShapeDtypeStruct(s, "float64") for s in shapes)
            return jax.pure_callback(svd, kinds, a)

        linalg = types.SimpleNamespace(svd=of_arrays)
        wide = {**vars(jnp), "float32": jnp.float64, "linalg": linalg}
        tx = optax.contrib.galore(RATE, base_optimizer=inner, **options)
        at = jax.tree.map(jnp.asarray, params)
        state, path = tx.init(at), []
        with mock.patch.object(of, "jnp", types.SimpleNamespace(**wide)):
            for g in grads:
                updates, state = tx.update(jax.tree.map(jnp.asarray, g), state, at)
                at = optax.apply_updates(at, updates)
                path.append(at)
        return jax.tree.map(lambda *steps: np.stack(steps), *path)

    return of_tamed(matrix_by_matrix(oracle))


def _paper_galore(
    left: int | None, right: int | None, every: int, scale: float, decay: float
) -> Oracle:
    """Algorithm 2 of the paper, of so many vectors on each side, or all, as they are.

    With the first decay 0.8 and the second 0.9; the authors' last line is W + η·G̃ of
    a G̃ that points down.
    """

    def vectors(x: np.ndarray, number: int | None) -> np.ndarray:
        return np.eye(len(x)) if number is None else svd(x)[0][:, :number]

    def start(p: np.ndarray) -> Any:
        return 0.0, 0.0, None

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        m, v, basis = memory
        if p.ndim > 1 and (t - 1) % every == 0:
            basis = vectors(g, left), vectors(g.T, right)
        r = g if basis is None else basis[0].T @ g @ basis[1]
        m, v = 0.8 * m + 0.2 * r, 0.9 * v + 0.1 * r**2
        n = m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
        u = n if basis is None else scale * basis[0] @ n @ basis[1].T
        return p - RATE * (u + decay * p), (m, v, basis)

    return of_tamed(matrix_by_matrix(numpy_path(start, step)))


def _adamx_galore(*args: Any, **options: Any) -> Callable[[], adamx.Transform]:
    return lambda: tamed(adamx.galore(RATE, *args, **options))


AUTHORS = adamx.scale_by_adam(eps=1e-6, eps_hat=True)
UNUSUAL = adamx.scale_by_adam(0.8, 0.9, 1e-3)

spec = functools.partial(Spec, gain=TURNED)

SPECS: list[Spec] = [
    spec(
        "galore",
        _adamx_galore(1, 7, 0.25, AUTHORS),
        "pytorch_optimizer",
        _galore({}, rank=1, update_proj_gap=7, scale=0.25, projection_type="std"),
    ),
    spec(
        "galore_full",
        _adamx_galore(
            1,
            5,
            2.0,
            adamx.scale_by_adam(0.8, 0.9, 1e-3, eps_hat=True),
            proj_type="full",
        ),
        "pytorch_optimizer",
        _galore(
            {"betas": (0.8, 0.9), "eps": 1e-3},
            rank=1,
            update_proj_gap=5,
            scale=2.0,
            projection_type="full",
        ),
    ),
    spec(
        "galore_optax",
        _adamx_galore(2, 7, proj_type="reverse_std"),
        "optax",
        _optax_galore(rank=2, update_proj_gap=7),
    ),
    spec(
        "galore_optax_unusual",
        _adamx_galore(
            1,
            7,
            0.3,
            adamx.scale_by_lion(0.8, 0.9),
            0.3,
            proj_type="reverse_std",
            stacked=None,
        ),
        "optax",
        _optax_galore(
            (0.8, 0.9), rank=1, update_proj_gap=7, scale=0.3, weight_decay=0.3
        ),
    ),
    spec(
        "galore_left",
        _adamx_galore(2, 7, 0.5, UNUSUAL, 0.3, proj_type="left"),
        None,
        _paper_galore(2, None, 7, 0.5, 0.3),
    ),
    spec(
        "galore_right",
        _adamx_galore(1, 5, 2.0, UNUSUAL, 0.1, proj_type="right", stacked="vmap"),
        None,
        _paper_galore(None, 1, 5, 2.0, 0.1),
    ),
]
