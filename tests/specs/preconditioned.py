"""Shampoo, beside the papers' formulas with powers of matrices, and PyTorch's."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import adamx
from tests.oracles import numpy_path, torch_steps
from tests.spec import RATE, Oracle, Spec
from tests.specs.kronecker import from_pieces, matrix_by_matrix, of_tamed, tamed


def _power(a: np.ndarray, exponent: float, ridge: float) -> np.ndarray:
    """Aˢ of a symmetric A with ridge·‖A‖ added to its eigenvalues."""
    sizes, vectors = np.linalg.eigh(a + ridge * np.linalg.norm(a) * np.eye(len(a)))
    return (vectors * sizes**exponent) @ vectors.T


def _original(eps: float) -> Oracle:
    """Algorithm 1 of Gupta et al. of matrices, and algorithm 2 of vectors: sums."""

    def start(p: np.ndarray) -> Any:
        return [eps * np.eye(n) for n in p.shape or (1,)]

    def step(p: Any, g: Any, sums: Any, t: int) -> tuple[np.ndarray, Any]:
        if p.ndim < 2:
            g = g.reshape(-1)
            sums = [sums[0] + np.outer(g, g)]
            return p - RATE * (_power(sums[0], -1 / 2, 0) @ g).reshape(p.shape), sums
        left, right = sums[0] + g @ g.T, sums[1] + g.T @ g
        u = _power(left, -1 / 4, 0) @ g @ _power(right, -1 / 4, 0)
        return p - RATE * u, [left, right]

    return of_tamed(matrix_by_matrix(numpy_path(start, step)))


def _length(n: int, size: int) -> int:
    """Of each of the fewest blocks of a side."""
    return -(-n // -(-n // size))


def _blocks(shape: tuple[int, ...], size: int) -> list[tuple[slice, slice]]:
    def cut(n: int) -> list[slice]:
        length = _length(n, size)
        return [slice(i, i + length) for i in range(0, n, length)]

    rows, cols = map(cut, shape)
    return [(r, c) for r in rows for c in cols]


def _grafted(
    b1: float,
    b2: float,
    size: Callable[[Any, Any, Any], Any],
    *,
    block: int = 1024,
    every: int = 1,
    ridge: float = 1e-6,
    power: float | None = None,
    m: float = 0.0,
    nesterov: bool = False,
    decay: float = 0.0,
    largest: int = 10000,
) -> Oracle:
    """Anil et al., of a filtered gradient as Shi et al., of matrices in blocks.

    `size(mean, square, sum)` is the step whose norm is taken, of both moments
    corrected, and of the sum of squares.
    """

    def start(p: np.ndarray) -> Any:
        zero = np.zeros_like(p)
        return {"mu": zero, "nu": zero, "sum": zero, "trace": zero, "blocks": {}}

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu = b1 * memory["mu"] + (1 - b1) * g
        nu = b2 * memory["nu"] + (1 - b2) * g**2
        total = memory["sum"] + g**2
        mean = mu / (1 - b1**t)
        like = size(mean, nu / (1 - b2**t), total)
        u, blocks = like, {}
        if p.ndim == 2:
            u = np.zeros_like(p)
            for i, at in enumerate(_blocks(p.shape, block)):
                sides = [0.0 * np.eye(n) for n in g[at].shape]
                sides, roots = memory["blocks"].get(i, (sides, None))
                squares = g[at] @ g[at].T, g[at].T @ g[at]
                sides = [
                    b2 * s + (1 - b2) * q for s, q in zip(sides, squares, strict=True)
                ]
                # A side of length one has no direction, a longer one than `largest`
                # no factor.
                lengths = [_length(n, block) for n in p.shape]
                kept = [k for k in (0, 1) if 1 < lengths[k] <= largest]
                exponent = power or -1 / (2 * max(len(kept), 1))
                if t <= every or (t - 1) % every == 0:
                    roots = [
                        _power(s / (1 - b2**t), exponent, ridge)
                        if k in kept and np.any(s)
                        else np.eye(len(s))
                        for k, s in enumerate(sides)
                    ]
                u[at] = roots[0] @ mean[at] @ roots[1]
                blocks[i] = sides, roots
            u = u * np.linalg.norm(like) / np.linalg.norm(u)
        trace = m * memory["trace"] + u
        u = u + m * trace if nesterov else trace
        kept = {"mu": mu, "nu": nu, "sum": total, "trace": trace, "blocks": blocks}
        return p - RATE * (u + decay * p), kept

    return of_tamed(matrix_by_matrix(numpy_path(start, step)))


def _torch(name: str, **options: Any) -> Oracle:
    """pytorch_optimizer's; its SVD of a factor is one of eigenvectors."""

    def build(tensors: list[Any]) -> Any:
        library: Any = importlib.import_module("pytorch_optimizer")
        return getattr(library, name)(tensors, lr=RATE, **options)

    return of_tamed(matrix_by_matrix(torch_steps(build)))


def _unusual(eps: float, **options: Any) -> Oracle:
    """A path with unusual decays, and Adam's step as the size."""
    unusual = {"block": 2, "every": 3, "ridge": 1e-3, "decay": 0.3}
    size = lambda mu, nu, _: mu / (np.sqrt(nu) + eps)  # noqa: E731
    return _grafted(0.7, 0.9, size, **unusual, **options)


def _ours(**options: Any) -> Callable[[], adamx.Transform]:
    return lambda: tamed(adamx.shampoo(RATE, **options))


ORIGINAL = adamx.scale_by_shampoo(
    None,
    None,
    matrix_eps=0.0,
    graft=None,
    precondition_frequency=1,
    initial_accumulator_value=1e-2,
)
"""Of sums, as in the paper."""

CONDITION = 19.0
"""The largest over the least eigenvalue, of the factors of the first two gradients of
seed 0. Of one alone the least is zero, and so is the gradient there."""

spec = functools.partial(Spec, gain=CONDITION)

SPECS: list[Spec] = [
    spec(
        "shampoo",
        _ours(),
        None,
        _grafted(0.9, 0.99, lambda mu, nu, _: mu / (np.sqrt(nu) + 1e-8), every=10),
    ),
    spec(
        "shampoo_original",
        from_pieces(adamx.as_matrices(ORIGINAL)),
        None,
        _original(1e-2),
    ),
    spec(
        "shampoo_unusual",
        _ours(
            b1=0.7,
            b2=0.9,
            matrix_eps=1e-3,
            weight_decay=0.3,
            precondition_frequency=3,
            block_size=2,
        ),
        None,
        _unusual(1e-8),
    ),
    spec(
        "shampoo_pieces",
        from_pieces(
            adamx.scale_by_shampoo(
                b1=0.7,
                b2=0.9,
                eps=1e-3,
                matrix_eps=1e-3,
                precondition_frequency=3,
                block_size=2,
                exponent_override=3,
                root_method="newton",
            ),
            adamx.trace(0.5, nesterov=True),
            adamx.add_decayed_weights(0.3),
        ),
        None,
        _unusual(1e-3, power=-1 / 3, m=0.5, nesterov=True),
    ),
    spec(
        "shampoo_sgd",
        from_pieces(
            adamx.scale_by_shampoo(
                b2=0.9, graft="sgd", matrix_eps=1e-4, max_precond_dim=3
            )
        ),
        None,
        _grafted(0.9, 0.9, lambda mu, nu, _: mu, every=10, ridge=1e-4, largest=3),
    ),
    spec(
        "shampoo_newton",
        from_pieces(
            adamx.scale_by_shampoo(
                root_method="newton", graft="adagrad", precondition_frequency=1
            )
        ),
        None,
        _grafted(0.9, 0.99, lambda mu, nu, s: mu / (np.sqrt(s) + 1e-8)),
    ),
    spec(
        "shampoo_torch",
        from_pieces(
            adamx.masked(adamx.as_matrices(ORIGINAL), lambda path, leaf: leaf.ndim > 0)
        ),
        "pytorch_optimizer",
        _torch("Shampoo", matrix_eps=1e-2),
    ),
    spec(
        "shampoo_scalable",
        from_pieces(
            adamx.scale_by_shampoo(
                b1=None,
                b2=0.9,
                eps=1e-10,
                matrix_eps=0.0,
                graft="rmsprop",
                precondition_frequency=1,
                block_size=2,
                initial_accumulator_value=1e-2,
            ),
            adamx.trace(0.5, nesterov=True),
        ),
        "pytorch_optimizer",
        _torch(
            "ScalableShampoo",
            betas=(0.5, 0.9),
            start_preconditioning_step=1,
            preconditioning_compute_steps=1,
            block_size=2,
            shape_interpretation=False,
            graft_type=3,
            diagonal_eps=1e-10,
            matrix_eps=1e-2,
            use_svd=True,
        ),
    ),
]
