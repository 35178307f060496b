"""Optimizers that whiten, beside oracles that draw the same random vectors."""

import functools
import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import numpy as np

import adamx
from tests.oracles import torch_steps
from tests.spec import RATE, Oracle, Path, Spec

LEAVES = {"cube": 1, "matrix": 2, "scalar": 3, "vector": 4}
"""The leaves of the problems in the order of their numbers."""


def noise(steps: int, key: int = 0) -> Iterator[Callable[..., np.ndarray]]:
    """What a rule draws for a leaf of some name and shape, in each step."""
    left = jax.random.key(key)
    for _ in range(steps):
        left, used = jax.random.split(left)

        def drawn(name: str, shape: tuple[int, ...], used: Any = used) -> np.ndarray:
            mine = jax.random.fold_in(used, LEAVES[name])
            numbers = jax.random.normal(mine, shape, "float32")
            return np.asarray(numbers, np.float64)

        yield drawn


def lower_bound(x: np.ndarray) -> float:
    """‖x·y‖ of the normalized y = x·c, c the longest column of x."""
    y = x @ x[:, np.argmax(np.sum(x**2, 0))]
    return float(np.linalg.norm(x @ y / np.linalg.norm(y)))


def _learnt(
    factors: list[np.ndarray], g: np.ndarray, v: np.ndarray, rate: float
) -> list[np.ndarray]:
    """The step of Q, which is written out as one large matrix."""
    full = _whole(factors)
    shape = [len(q) for q in factors]
    a = (full @ g.ravel()).reshape(shape)
    b = (np.linalg.inv(full).T @ v.ravel()).reshape(shape)
    new = []
    for axis, q in enumerate(factors):
        rows = [np.moveaxis(x, axis, 0).reshape(len(q), -1) for x in (a, b)]
        won, lost = (x @ x.T for x in rows)
        if q.ndim < 2:
            won, lost = np.diag(won), np.diag(lost)
            new.append(q - rate * (won - lost) / np.max(won + lost) * q)
        else:
            by = lower_bound(won + lost)
            new.append(q - rate * np.triu(won - lost) / by @ q)
    return new


def _paper_kron(
    *,
    b1: float = 0.9,
    rate: float = 0.1,
    init: float = 1.0,
    bound: float = 1.1,
    decay: float = 0.0,
    normalized: bool = False,
    diagonal: Callable[[tuple[int, ...]], list[bool]] = lambda shape: [
        len(shape) < 2 for _ in shape
    ],
    due: Callable[[int], bool] = lambda t: True,
    stacked: bool = False,
    key: int = 0,
) -> Oracle:
    """Li's whitening, with the Kronecker product as a matrix.

    `stacked` is for arrays of three axes as so many matrices.
    """

    def oracle(params: Any, grads: Any) -> Path:
        at = {name: np.asarray(p) for name, p in params.items()}
        mu = {name: np.zeros_like(p) for name, p in at.items()}
        factors: dict[str, Any] = {}
        for name, p in at.items():
            front, shape = _parts(p.shape, stacked)
            root = init ** (1 / len(shape))
            kinds = zip(shape, diagonal(shape), strict=True)
            first = [root * (np.ones(n) if d else np.eye(n)) for n, d in kinds]
            factors[name] = [first for _ in range(math.prod(front))]
        path: dict[str, list[np.ndarray]] = {name: [] for name in at}
        draws = noise(len(grads), key)
        for t, (grad, drawn) in enumerate(zip(grads, draws, strict=True), start=1):
            for name, p in at.items():
                g = grad[name]
                if normalized:
                    norm = np.sqrt(np.sum(g**2))
                    # The authors add 1e-6; ours fades beside norms below 0.01.
                    g = g / (norm + 1e-6 * min(1, norm / 0.01) ** 2) if norm else g
                mu[name] = b1 * mu[name] + (1 - b1) * g
                front, shape = _parts(p.shape, stacked)
                rows = (mu[name] / (1 - b1**t)).reshape(-1, *shape)
                v = drawn(name, (*front, *shape)).reshape(rows.shape)
                out = []
                for i, x in enumerate(rows):
                    if due(t) and np.any(x):
                        factors[name][i] = _learnt(factors[name][i], x, v[i], rate)
                    full = _whole(factors[name][i])
                    u = full.T @ full @ x.ravel()
                    size = np.sqrt(np.mean(u**2))
                    out.append(u * bound / max(size, bound))
                u = np.stack(out).reshape(p.shape)
                at[name] = p - RATE * (u + decay * p)
                path[name].append(at[name])
        return {name: np.stack(steps) for name, steps in path.items()}

    return oracle


def _parts(
    shape: tuple[int, ...], stacked: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that count arrays, and those of one."""
    if not stacked:
        return (), shape or (1,)
    return shape[:-2], (1, 1, *shape)[-2:]


def _whole(factors: list[np.ndarray]) -> np.ndarray:
    return functools.reduce(np.kron, [np.diag(q) if q.ndim < 2 else q for q in factors])


def _torch_kron(**options: Any) -> Oracle:
    """pytorch_optimizer's, with its random vectors, and without what is in its way.

    Its triangles are solved in float32, and its bound of the root mean square has
    1e-6 beside it. It learns of a gradient of zeros, too: that Q is to grow.
    """
    module = "pytorch_optimizer.optimizer.psgd"

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        torch: Any = importlib.import_module("torch")
        optimizer = library.Kron(
            tensors, lr=RATE, precondition_dtype=torch.float64, **options
        )
        optimizer.draws = noise(10**6)
        return optimizer

    def step(optimizer: Any, tensors: Any) -> None:
        torch: Any = importlib.import_module("torch")
        psgd: Any = importlib.import_module(module)
        drawn, names = next(optimizer.draws), iter(tensors)
        learn = psgd.update_precondition

        def like(x: Any, **_: Any) -> Any:
            shape = tuple(x.shape) or (1,)
            found = torch.tensor(drawn(next(names), shape), dtype=torch.float64)
            return found.reshape(x.shape)

        def solved(x: Any, a: Any) -> Any:
            rows = x.reshape(-1, x.size(-1))
            solve = torch.linalg.solve_triangular
            return solve(a, rows, upper=True, left=False).reshape_as(x)

        def of_some(qs: Any, expressions: Any, v: Any, g: Any, *rest: Any) -> None:
            if bool(torch.any(g != 0)):
                learn(qs, expressions, v, g, *rest)

        def clamp(x: Any, **_: Any) -> Any:
            size = 1.1 / x - 1e-6
            return torch.where(size > 1.1, 1.1 / size, torch.ones_like(x))

        with (
            mock.patch.object(torch, "randn_like", like),
            mock.patch.object(torch, "clamp", clamp),
            mock.patch.object(psgd, "solve_triangular_right", solved),
            mock.patch.object(psgd, "update_precondition", of_some),
        ):
            optimizer.step()

    return torch_steps(build, step)


SPECS: list[Spec] = [
    Spec("psgd_kron", lambda: adamx.psgd_kron(RATE), None, _paper_kron()),
    Spec(
        "psgd_kron_unusual",
        lambda: adamx.psgd_kron(
            RATE,
            0.7,
            0.3,
            None,
            0.25,
            max_size_triangular=3,
            precond_lr=0.3,
            max_update_rms=0.5,
            view=adamx.matrix_view,
            key=7,
        ),
        None,
        _paper_kron(
            b1=0.7,
            rate=0.3,
            bound=0.5,
            decay=0.3,
            diagonal=lambda shape: [1 in shape or n > 3 for n in shape],
            due=lambda t: t % 4 == 0,
            stacked=True,
            key=7,
        ),
    ),
    Spec(
        "psgd_kron_pieces",
        lambda: adamx.chain(
            adamx.scale_by_norm_ball("leaf", eps=1e-6),
            adamx.bias_correct(adamx.scale_by_momentum(0.9)),
            adamx.whiten(preconditioner_update_probability=1.0, precond_init_scale=2.0),
            adamx.scale_by_learning_rate(RATE),
        ),
        None,
        _paper_kron(init=2.0, normalized=True),
    ),
    Spec(
        "pytorch_optimizer_kron",
        lambda: adamx.psgd_kron(
            RATE,
            0.7,
            0.3,
            lambda path, leaf: len(leaf.shape) > 1,
            0.3,
            memory_save_mode="smart_one_diag",
        ),
        "pytorch_optimizer",
        _torch_kron(
            momentum=0.7,
            weight_decay=0.3,
            pre_conditioner_update_probability=0.3,
            memory_save_mode="smart_one_diag",
        ),
    ),
]
