"""Quickstart: a network that reads handwritten digits, trained with Adam.

Shows the training step that fits any JAX model (`train_step`), then trains the same
network with four optimizers and compares their losses. Ends with status 1 if Adam's
test accuracy is below 97 %.

    python examples/quickstart.py
    python examples/quickstart.py --epochs 40 --seed 7 --output /tmp/pictures
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from common import (
    Params,
    Split,
    batches,
    extra,
    init_mlp,
    mlp,
    picture,
    split,
    training_parser,
)

import adamx

with extra():
    from sklearn.datasets import load_digits
    from tqdm import tqdm

TARGET = 0.97
ADAM = adamx.adam(0.005)
# Each rate is the best of four, by the mean accuracy over four seeds on a fifth of the
# training digits held back; the test digits had no part in it.
OPTIMIZERS = (
    adamx.sgd(1.0),
    adamx.sgd(0.2, momentum=0.9),
    adamx.rmsprop(0.001),
    ADAM,
)


def loss_fn(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of the classes `y`."""
    log_probs = jax.nn.log_softmax(mlp(params, x))
    return -log_probs[np.arange(len(y)), y].mean()


@partial(jax.jit, static_argnames="tx")
def train_step(
    tx: adamx.Transform, params: Params, state: Any, x: jax.Array, y: jax.Array
) -> tuple[Params, Any, jax.Array]:
    """Take one step of any optimizer: gradients, updates, new parameters."""
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = tx.update(grads, state, params)
    params = adamx.apply_updates(params, updates)
    return params, state, loss


def train(
    tx: adamx.Transform, params: Params, data: Split, keys: list[jax.Array]
) -> tuple[Params, list[float]]:
    """Train for an epoch per key; return parameters and each epoch's mean loss."""
    state = tx.init(params)
    history = []
    bar = tqdm(keys, desc=f"{tx!r:<22}", unit="epoch")
    for key in bar:
        losses = []
        rows = batches(key, len(data.train_x))
        for x, y in zip(data.train_x[rows], data.train_y[rows], strict=True):
            params, state, loss = train_step(tx, params, state, x, y)
            losses.append(loss)
        history.append(float(np.mean(losses)))
        bar.set_postfix(loss=f"{history[-1]:.4f}")
    return params, history


def accuracy(params: Params, data: Split) -> float:
    """Return the share of test digits that are read right."""
    return float(np.mean(mlp(params, data.test_x).argmax(axis=1) == data.test_y))


def plot(histories: dict[str, list[float]], path: Path) -> None:
    """Draw the loss curves, one per optimizer."""
    with picture(path) as (axes,):
        for name, history in histories.items():
            axes.semilogy(range(1, len(history) + 1), history, label=name)
        axes.set_title("Handwritten digits: the same network, four optimizers")
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss (mean of the epoch)")
        axes.legend()


def main(argv: Sequence[str] | None = None) -> int:
    """Train with each optimizer, print accuracies, save the curves."""
    args = training_parser(__doc__, epochs=30).parse_args(argv)
    pixels, digits = load_digits(return_X_y=True)
    data = split(pixels / 16, digits, args.seed)
    init_key, *keys = jax.random.split(jax.random.key(args.seed), args.epochs + 1)
    start = init_mlp(init_key, (64, 256, 10), jax.nn.initializers.he_normal())

    accuracies, histories = {}, {}
    for tx in OPTIMIZERS:
        params, histories[repr(tx)] = train(tx, start, data, keys)
        accuracies[tx] = accuracy(params, data)
    for tx, score in accuracies.items():
        print(f"{tx!r:<22} test accuracy {score:.4f}")
    plot(histories, args.output / "loss_curves.png")
    return 0 if accuracies[ADAM] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
