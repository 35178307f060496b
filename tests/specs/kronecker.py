"""Optimizers of Kronecker factors."""

import functools
import importlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np

import adamx
from tests.oracles import numpy_path, torch_steps
from tests.spec import RATE, Oracle, Spec


class Tamed(adamx.Rule):
    """Gradients of scales from 0.3 to 2 instead of from 1e-4 to 1e2.

    Of those all but the first eigenvectors are rounding errors.
    """

    def step(self, g, slots, shared, param):
        return jnp.sign(g) * jnp.abs(g) ** 0.125, slots


def tamed(tx: adamx.Transform) -> adamx.Transform:
    return adamx.chain(adamx.lift(Tamed()), tx)


def of_tamed(oracle: Oracle) -> Oracle:
    def tame(g: np.ndarray) -> np.ndarray:
        return np.sign(g) * np.abs(g) ** 0.125

    def tamed_oracle(params: Any, grads: Any) -> Any:
        return oracle(params, [{k: tame(x) for k, x in g.items()} for g in grads])

    return tamed_oracle


TURNED = 96.0
"""How far eigenvectors turn by rounding, in units: the largest eigenvalue over the
least gap, of the factors of the first gradients of seed 0."""


def matrix_by_matrix(oracle: Oracle) -> Oracle:
    """An oracle that would have a factor for each axis, given matrices alone."""

    def apart(tree: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, x in tree.items():
            rows = x if x.ndim == 3 else [x]
            found |= {f"{name}/{i}": row for i, row in enumerate(rows)}
        return found

    def of_matrices(params: Any, grads: Any) -> Any:
        path = oracle(apart(params), [apart(g) for g in grads])

        def joined(name: str, x: np.ndarray) -> np.ndarray:
            if x.ndim < 3:
                return path[f"{name}/0"]
            return np.stack([path[f"{name}/{i}"] for i in range(len(x))], 1)

        return {name: joined(name, x) for name, x in params.items()}

    return of_matrices


def _soap(**options: Any) -> Oracle:
    """pytorch_optimizer's, in float64: its QR is in float32, always.

    Without decay, which there is of the parameters after the step.
    """

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        return library.SOAP(tensors, lr=RATE, weight_decay=0.0, **options)

    def step(optimizer: Any, tensors: Any) -> None:
        torch: Any = importlib.import_module("torch")
        with mock.patch.object(torch, "float32", torch.float64):
            optimizer.step()

    return of_tamed(matrix_by_matrix(torch_steps(build, step)))


def _paper_soap(
    b1: float,
    b2: float,
    eps: float,
    every: int,
    decay: float,
    *,
    beta: float | None = None,
    largest: int = 10000,
    at_once: bool = True,
    normalized: bool = False,
) -> Oracle:
    """Algorithm 3 of the paper, corrected for the start of both moments.

    As in the authors' code the first gradients make the first basis, and an update only
    if `at_once`. N may be normalized. A side longer than `largest` keeps its own basis.
    """
    beta = b2 if beta is None else beta

    def basis_of(factor: np.ndarray) -> np.ndarray:
        if len(factor) > largest:
            return np.eye(len(factor))
        return np.linalg.eigh(factor)[1][:, ::-1]

    def start(p: np.ndarray) -> Any:
        zero = np.zeros_like(p)
        if p.ndim < 2:
            return zero, zero, None, None
        sides = [np.zeros((n, n)) for n in p.shape]
        return zero, zero, sides, None

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        m, v, factors, basis = memory

        def seen(x: np.ndarray) -> np.ndarray:
            return x if basis is None else basis[0].T @ x @ basis[1]

        if t == 1 and factors is not None:
            factors = [(1 - beta) * g @ g.T, (1 - beta) * g.T @ g]
            basis = [basis_of(factor) for factor in factors]
        if t == 1 and not at_once:
            return p - RATE * decay * p, (m, v, factors, basis)
        seen_steps = t if at_once else t - 1
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * seen(g) ** 2
        n = seen(m) / (np.sqrt(v) + eps)
        rms = np.sqrt(np.mean(n**2))
        n = n / rms if normalized and rms else n
        n = n * np.sqrt(1 - b2**seen_steps) / (1 - b1**seen_steps)
        u = n if basis is None else basis[0] @ n @ basis[1].T
        if t > 1 and factors is not None:
            assert basis is not None
            squares = g @ g.T, g.T @ g
            pairs = zip(factors, squares, strict=True)
            factors = [beta * f + (1 - beta) * square for f, square in pairs]
            if (t - 1) % every == 0:
                for axis, f in enumerate(factors):
                    if len(f) > largest:
                        continue
                    power = f @ basis[axis]
                    sizes = np.sum(basis[axis] * power, 0)
                    order = np.argsort(-sizes)
                    v = np.take(v, order, axis)
                    basis[axis] = np.linalg.qr(power[:, order])[0]
        return p - RATE * (u + decay * p), (m, v, factors, basis)

    return of_tamed(matrix_by_matrix(numpy_path(start, step)))


def _adamx_soap(**options: Any) -> Callable[[], adamx.Transform]:
    return lambda: tamed(adamx.soap(RATE, **options))


def from_pieces(*pieces: adamx.Transform) -> Callable[[], adamx.Transform]:
    """Pieces with a learning rate, for what a builder has no argument for."""
    return lambda: tamed(adamx.chain(*pieces, adamx.scale_by_learning_rate(RATE)))


spec = functools.partial(Spec, gain=TURNED)

SPECS: list[Spec] = [
    spec("soap", _adamx_soap(weight_decay=0.0), "pytorch_optimizer", _soap()),
    spec(
        "soap_unusual",
        from_pieces(
            # Vectors are matrices of one row.
            adamx.as_matrices(
                adamx.scale_by_soap(0.8, 0.9, 0.7, 1e-2, 3, 3, correct_bias=False)
            )
        ),
        "pytorch_optimizer",
        _soap(
            betas=(0.8, 0.9),
            shampoo_beta=0.7,
            eps=1e-2,
            precondition_frequency=3,
            max_precondition_dim=3,
            precondition_1d=True,
            correct_bias=False,
        ),
    ),
    spec(
        "soap_at_once",
        from_pieces(
            adamx.scale_by_soap(
                b2=0.8,
                # In its own eigenbasis most of the first gradient is rounding errors,
                # which we leave out: 1e-16 over ε.
                eps=1e-3,
                precondition_frequency=2,
                normalize_grads=True,
                skip_first=False,
            ),
            adamx.add_decayed_weights(0.3),
        ),
        None,
        _paper_soap(0.95, 0.8, 1e-3, 2, 0.3, normalized=True),
    ),
    spec(
        "soap_tuned",
        _adamx_soap(
            b1=0.8,
            b2=0.9,
            shampoo_beta=0.7,
            eps=1e-2,
            weight_decay=0.3,
            precondition_frequency=3,
            max_precond_dim=3,
        ),
        None,
        _paper_soap(0.8, 0.9, 1e-2, 3, 0.3, beta=0.7, largest=3, at_once=False),
    ),
]
