"""What the examples share: options, split data, a small network and pictures."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from cycler import cycler
from sklearn.model_selection import train_test_split

Params: TypeAlias = dict[str, dict[str, jax.Array]]

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=["#4477aa", "#ee6677", "#228833", "#aa3377"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titleweight": "bold",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options of every example, described by the first line of `doc`."""
    options = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    options.add_argument(
        "--output", type=Path, default=Path("output"), help="folder for the picture"
    )
    return options


def training_parser(doc: str | None, epochs: int) -> argparse.ArgumentParser:
    """The options of an example that trains a network for `epochs` by default."""
    options = parser(doc)
    options.add_argument("--epochs", type=int, default=epochs, help="passes over data")
    options.add_argument("--seed", type=int, default=0, help="of split, init, batches")
    return options


class Split(NamedTuple):
    """Inputs, one row each, and their classes: to train with and to test with."""

    train_x: jax.Array
    test_x: jax.Array
    train_y: jax.Array
    test_y: jax.Array


def split(x: Any, y: Any, seed: int) -> Split:
    """Hold out a fifth of the data, with the same share of every class."""
    parts = train_test_split(
        np.asarray(x, np.float32), y, test_size=0.2, stratify=y, random_state=seed
    )
    return Split(*map(jnp.asarray, parts))


def batches(key: jax.Array, rows: int, size: int = 32) -> jax.Array:
    """Row numbers in random order, a batch per line, without an unfilled last one."""
    order = jax.random.permutation(key, rows)
    return order[: rows // size * size].reshape(-1, size)


def init_mlp(
    key: jax.Array,
    sizes: tuple[int, int, int],
    initializer: jax.nn.initializers.Initializer,
) -> Params:
    """Weights of a network with one hidden layer; its biases start at zero."""
    inputs, hidden, outputs = sizes
    hidden_key, output_key = jax.random.split(key)
    return {
        "hidden": {
            "w": initializer(hidden_key, (inputs, hidden)),
            "b": jnp.zeros(hidden),
        },
        "output": {
            "w": initializer(output_key, (hidden, outputs)),
            "b": jnp.zeros(outputs),
        },
    }


def mlp(params: Params, x: jax.Array) -> jax.Array:
    """The logits of the network for each row of `x`."""
    hidden = jax.nn.relu(x @ params["hidden"]["w"] + params["hidden"]["b"])
    return hidden @ params["output"]["w"] + params["output"]["b"]


@contextmanager
def picture(path: Path, panels: int = 1) -> Iterator[list[Any]]:
    """Axes to draw on, side by side; saved to `path` at the end of the block."""
    # Agg draws to files, so that this works without a screen.
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            1, panels, figsize=(7 if panels == 1 else 11, 4.5), squeeze=False
        )
        yield list(axes.flat)
        figure.tight_layout(w_pad=3)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
        pyplot.close(figure)
    print(f"picture saved to {path}")
