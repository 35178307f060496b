"""Optimizers of some rows, or columns, of each matrix."""

import math
from typing import Any

import numpy as np

import adamx
from tests.oracles import numpy_path
from tests.spec import RATE, Oracle, Spec
from tests.specs.matrix import STANDARD, adam_step, polar


def _paper_dion2(
    fraction: float,
    decay: float,
    method: Any,
    scale: Any,
    other: Any,
    weight_decay: float,
) -> Oracle:
    """The authors' dion2.py on one device, in float64 throughout, of (in, out).

    Theirs are (out, in), and rows where there are as many: columns here.
    """

    def start(p: np.ndarray) -> Any:
        return np.zeros_like(p), np.zeros_like(p)

    def one(g: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if g.shape[1] <= g.shape[0]:
            u, m = one_of_rows(g.T, m.T)
            return u.T, m.T
        return one_of_rows(g, m)

    def one_of_rows(g: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        m, u = m + g, np.zeros_like(g)
        number = max(1, math.ceil(fraction * len(m)))
        rows = np.argsort(np.abs(m).sum(1))[-number:]
        u[rows] = polar(m[rows], *method)
        m[rows] *= decay
        return u, m

    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        if p.ndim < 2:
            return other(p, g, memory, t)
        each = g.reshape(-1, *g.shape[-2:]), memory[0].reshape(-1, *g.shape[-2:])
        pairs = [one(*pair) for pair in zip(*each, strict=True)]
        u, m = (np.stack(x).reshape(p.shape) for x in zip(*pairs, strict=True))
        u = scale(*p.shape[-2:]) * u
        return p - RATE * (u + weight_decay * p), (m, m)

    return numpy_path(start, step)


def _lion(b1: float, b2: float) -> Any:
    def step(p: Any, g: Any, memory: Any, t: int) -> tuple[np.ndarray, Any]:
        mu, _ = memory
        u = np.sign(b1 * mu + (1 - b1) * g)
        return p - RATE * u, (b2 * mu + (1 - b2) * g, mu)

    return step


FIVE = adamx.NEWTON_SCHULZ["dion2"]
AUTHORS = FIVE.polynomials, 5, 1e-8, FIVE.margin

SPECS: list[Spec] = [
    Spec(
        "dion2",
        adamx.dion2,
        None,
        _paper_dion2(
            0.25,
            0.95,
            AUTHORS,
            lambda rows, cols: (cols / rows) ** 0.5,
            adam_step(RATE, 0.9, 0.95, 1e-8, 0.01),
            0.01,
        ),
    ),
    Spec(
        "dion2_rms",
        lambda: adamx.dion2(
            RATE,
            0.5,
            0.7,
            weight_decay=0.3,
            consistent_rms=0.2,
            orthogonalize=adamx.orthogonalize("dion2", eps=1e-7),
            rest=adamx.lion(RATE, 0.8, 0.9, weight_decay=0.0),
            stacked=None,
        ),
        None,
        _paper_dion2(
            0.5,
            0.7,
            (FIVE.polynomials, 5, 1e-7, FIVE.margin),
            lambda rows, cols: 0.2 * max(rows, cols) ** 0.5,
            _lion(0.8, 0.9),
            0.3,
        ),
    ),
    Spec(
        "dion2_whole",
        lambda: adamx.dion2(
            RATE,
            1.0,
            0.8,
            weight_decay=0.0,
            scale="none",
            orthogonalize=adamx.orthogonalize("standard", 4),
        ),
        None,
        _paper_dion2(
            1.0,
            0.8,
            (STANDARD, 4, 1e-8),
            lambda rows, cols: 1.0,
            adam_step(RATE, 0.9, 0.95, 1e-8, 0.0),
            0.0,
        ),
    ),
]
