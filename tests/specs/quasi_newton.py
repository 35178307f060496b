"""Quasi-Newton directions, with the gradients given."""

from typing import Any

import numpy as np

import adamx
from tests.spec import RATE, Oracle, Path, Spec


def _lbfgs(memory: int, scaled: bool = True) -> Oracle:
    """Algorithms 7.4 and 7.5 of Nocedal & Wright, over one long vector."""

    def direction(g: Any, pairs: list[Any], gamma: Any) -> Any:
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append(s @ q / (s @ y))
            q -= alphas[-1] * y
        r = gamma * q
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            r += s * (alpha - y @ r / (s @ y))
        return r

    def oracle(params: dict[str, Any], grads: list[dict[str, Any]]) -> Path:
        names = list(params)

        def flat(tree: dict[str, Any]) -> Any:
            return np.concatenate([np.ravel(tree[n]) for n in names])

        at, pairs, before, steps = flat(params), [], None, []
        for tree in grads:
            g = flat(tree)
            if before is not None:
                s, y = at - before[0], g - before[1]
                least = 1e-3 if scaled else 0.1
                if s @ y > least * np.sqrt((s @ s) * (y @ y)):
                    pairs = [*pairs, (s, y)][-memory:]
            before, gamma = (at, g), np.float64(1)
            if scaled and pairs:
                s, y = pairs[-1]
                gamma = s @ y / (y @ y)
            elif scaled:
                gamma = np.minimum(1, 1 / np.linalg.norm(g))
            at = at - RATE * direction(g, pairs, gamma)
            steps.append(at)
        ends = np.cumsum([np.size(params[n]) for n in names])
        parts = np.split(np.stack(steps), ends[:-1], axis=1)
        shapes = [np.shape(params[n]) for n in names]
        rows = zip(names, parts, shapes, strict=True)
        return {n: part.reshape(-1, *shape) for n, part, shape in rows}

    return oracle


# Without γ a step has the length of a gradient over ⟨s, y⟩, and vectors that are drawn
# at random are nearly orthogonal: four digits are lost on the way.
ILL_CONDITIONED = 1e-11

SPECS: list[Spec] = [
    Spec("lbfgs", lambda: adamx.lbfgs(RATE, linesearch=None), None, _lbfgs(10)),
    Spec(
        "lbfgs_unusual",
        lambda: adamx.lbfgs(RATE, 3, linesearch=None),
        None,
        _lbfgs(3),
    ),
    Spec(
        "lbfgs_unscaled",
        lambda: adamx.lbfgs(RATE, 1, False, linesearch=None),
        None,
        _lbfgs(1, scaled=False),
        ILL_CONDITIONED,
    ),
]
