"""Quickstart: a network that reads handwritten digits, trained with Adam.

Shows the training step that fits any JAX model (`train_step`), then trains the same
network with four optimizers and compares their losses. Ends with status 1 if Adam's
test accuracy is below 97 %.

    python examples/quickstart.py
    python examples/quickstart.py --epochs 10 --seed 3 --output /tmp/pictures
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import adamx
import jax
import numpy as np
from common import Params, Split, init_mlp, mlp, picture, split, training_parser
from sklearn.datasets import load_digits
from tqdm import tqdm

TARGET = 0.97
BATCH = 32
ADAM = adamx.adam(0.005)
# Each rate did best in a coarse search over several seeds.
OPTIMIZERS = (
    adamx.sgd(0.5),
    adamx.sgd(0.1, momentum=0.9),
    adamx.rmsprop(0.002),
    ADAM,
)


def loss_fn(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean cross-entropy of the classes `y`."""
    log_probs = jax.nn.log_softmax(mlp(params, x))
    return -log_probs[np.arange(len(y)), y].mean()


@partial(jax.jit, static_argnames="tx")
def train_step(
    tx: adamx.Transform, params: Params, state: Any, x: jax.Array, y: jax.Array
) -> tuple[Params, Any, jax.Array]:
    """One step of any optimizer: gradients, updates, new parameters."""
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = tx.update(grads, state, params)
    params = adamx.apply_updates(params, updates)
    return params, state, loss


def batches(data: Split, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """The training data in a new order; what fills no batch waits for another epoch."""
    order = rng.permutation(len(data.train_x))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        rows = order[start : start + BATCH]
        yield data.train_x[rows], data.train_y[rows]


def train(
    tx: adamx.Transform, params: Params, data: Split, epochs: int, seed: int
) -> tuple[Params, list[float]]:
    """Train for some epochs; the parameters and the mean loss of each epoch."""
    state = tx.init(params)
    rng = np.random.default_rng(seed)
    history = []
    bar = tqdm(range(epochs), desc=f"{tx!r:<22}", unit="epoch")
    for _ in bar:
        losses = []
        for x, y in batches(data, rng):
            params, state, loss = train_step(tx, params, state, x, y)
            losses.append(loss)
        history.append(float(np.mean(losses)))
        bar.set_postfix(loss=f"{history[-1]:.4f}")
    return params, history


def accuracy(params: Params, data: Split) -> float:
    """The share of test digits that are read right."""
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
    digits = load_digits()
    data = split(digits.data / 16, digits.target, args.seed)
    he_normal = jax.nn.initializers.he_normal()
    start = init_mlp(jax.random.key(args.seed), (64, 128, 10), he_normal)

    accuracies, histories = {}, {}
    for tx in OPTIMIZERS:
        params, histories[repr(tx)] = train(tx, start, data, args.epochs, args.seed)
        accuracies[tx] = accuracy(params, data)
    for tx, score in accuracies.items():
        print(f"{tx!r:<22} test accuracy {score:.4f}")
    plot(histories, args.output / "loss_curves.png")
    return 0 if accuracies[ADAM] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
