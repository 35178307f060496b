"""What the pictures of the guide share: colours, sizes, and paths to draw."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure

import adamx
from adamx.racing import style

BLUE, RED, GREEN, PURPLE = COLOURS = style.COLORS[:4]
GREY = "#888888"

STYLE: dict[Any, Any] = {
    **style.STYLE,
    "axes.axisbelow": "line",
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.15,
    "figure.constrained_layout.h_pad": 0.08,
    "font.size": 10,
}

Draw = Callable[[Figure], None]
DRAWN: dict[str, tuple[float, float, Draw]] = {}
"""By file name: width and height in inches, and what draws it."""


def picture(width: float, height: float) -> Callable[[Draw], Draw]:
    """Decorate what draws on a figure of this size."""

    def add(draw: Draw) -> Draw:
        DRAWN[draw.__name__] = width, height, draw
        return draw

    return add


def emitted(tx: adamx.Transform, grads: Any) -> np.ndarray:
    """What a transform emits for these gradients of one number, step by step."""

    def step(state: Any, g: jax.Array) -> tuple[Any, jax.Array]:
        u, state = tx.update(g, state)
        return state, u

    grads = jnp.asarray(grads, jnp.float32)
    return np.asarray(jax.lax.scan(step, tx.init(grads[0]), grads)[1])


def path(
    tx: adamx.Transform,
    start: Any,
    steps: int,
    grad: Callable[[jax.Array], jax.Array],
    noise: Any = 0.0,
    read: Callable[[Any, jax.Array], jax.Array] = lambda state, x: x,
) -> np.ndarray:
    """The points that training goes through, the first one too.

    `noise` is what is added to the gradients, one for each step, or its size.
    """
    first = jnp.asarray(start, jnp.float32)
    errors = noise
    if isinstance(noise, float):
        errors = noise * jax.random.normal(jax.random.key(1), (steps, *first.shape))

    def step(carry: Any, error: jax.Array) -> tuple[Any, jax.Array]:
        x, state = carry
        u, state = tx.update(grad(x) + error, state, x)
        x = adamx.apply_updates(x, u)
        return (x, state), read(state, x)

    _, points = jax.lax.scan(step, (first, tx.init(first)), errors)
    return np.concatenate([first[None], points])


def thinned(values: np.ndarray, per_decade: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Steps, evenly spaced on a logarithmic axis, and the mean of those around each."""
    edges = np.unique(
        np.logspace(
            0, np.log10(len(values) + 1), int(per_decade * np.log10(len(values)))
        ).astype(int)
    )
    parts = [values[a - 1 : b - 1].mean() for a, b in itertools.pairwise(edges)]
    return np.sqrt(edges[:-1] * (edges[1:] - 1)), np.array(parts)


@contextmanager
def drawn(name: str, folder: Path) -> Iterator[Figure]:
    """A figure of the right size, saved when it is done."""
    width, height, _ = DRAWN[name]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=130)
        yield figure
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
