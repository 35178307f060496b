"""Binary classifier: breast-cancer data, with the options of Keras's Adam.

Trains Dense(32, relu) and Dense(1, sigmoid) on the binary cross-entropy. Every option
of Keras's Adam is a flag; `eps_hat` puts epsilon where Keras has it, and `decay` is a
schedule. An epoch is one compiled `lax.scan` over its batches.

    python examples/binary_classifier.py
    python examples/binary_classifier.py --learning-rate 0.01 --decay 1e-3 --amsgrad
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from common import (
    Params,
    Split,
    batches,
    init_mlp,
    mlp,
    picture,
    training_parser,
)
from tqdm import tqdm

import adamx
from adamx.racing.tasks.breast_cancer import breast_cancer_data as load
from adamx.racing.tasks.mlp import binary_cross_entropy


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The flags, with Keras's defaults."""
    options = training_parser(__doc__, epochs=50)
    options.add_argument("--learning-rate", type=float, default=0.001)
    options.add_argument("--beta-1", type=float, default=0.9)
    options.add_argument("--beta-2", type=float, default=0.999)
    options.add_argument("--epsilon", type=float, default=1e-7)
    options.add_argument("--decay", type=float, default=0.0)
    options.add_argument("--amsgrad", action="store_true")
    return options.parse_args(argv)


def optimizer(args: argparse.Namespace) -> adamx.Transform:
    """Keras's Adam with these flags."""
    rate = args.learning_rate
    if args.decay:
        rate = adamx.schedules.inverse_time_decay_schedule(rate, args.decay)
    build = adamx.amsgrad if args.amsgrad else adamx.adam
    return build(rate, args.beta_1, args.beta_2, args.epsilon, eps_hat=True)


def loss_fn(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean binary cross-entropy, from logits: no log of a sigmoid that became 0."""
    return binary_cross_entropy(mlp(params, x)[:, 0], y)


def accuracy(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """The share of `x` classified right: where a logit is positive, its sigmoid > ½."""
    return jnp.mean((mlp(params, x)[:, 0] > 0) == y)


@partial(jax.jit, static_argnames="tx")
def train_epoch(
    tx: adamx.Transform,
    params: Params,
    state: Any,
    x: jax.Array,
    y: jax.Array,
    key: jax.Array,
) -> tuple[Params, Any, jax.Array]:
    """A pass over the shuffled data; the parameters, the state and the mean loss."""

    def step(carry, rows):
        params, state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, x[rows], y[rows])
        updates, state = tx.update(grads, state, params)
        return (adamx.apply_updates(params, updates), state), loss

    rows = batches(key, len(x))
    (params, state), losses = jax.lax.scan(step, (params, state), rows)
    return params, state, losses.mean()


def train(
    tx: adamx.Transform, data: Split, epochs: int, seed: int
) -> tuple[list[float], list[float]]:
    """Training loss and test accuracy of each epoch."""
    init_key, *keys = jax.random.split(jax.random.key(seed), epochs + 1)
    sizes = (data.train_x.shape[1], 32, 1)
    params = init_mlp(init_key, sizes, jax.nn.initializers.glorot_uniform())
    state = tx.init(params)
    losses, accuracies = [], []
    bar = tqdm(keys, desc=repr(tx), unit="epoch")
    for key in bar:
        params, state, loss = train_epoch(
            tx, params, state, data.train_x, data.train_y, key
        )
        losses.append(float(loss))
        accuracies.append(float(accuracy(params, data.test_x, data.test_y)))
        bar.set_postfix(loss=f"{losses[-1]:.4f}", accuracy=f"{accuracies[-1]:.3f}")
    return losses, accuracies


def plot(losses: list[float], accuracies: list[float], path: Path) -> None:
    """Draw both curves."""
    epochs = range(1, len(losses) + 1)
    with picture(path, panels=2) as (left, right):
        left.plot(epochs, losses, label="training data")
        left.set_title("Binary cross-entropy")
        left.set_ylabel("loss (mean of the epoch)")
        left.set_ylim(bottom=0)
        right.plot(epochs, accuracies, color="C1", label="test data")
        right.set_title("Accuracy")
        right.set_ylabel("share classified correctly")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.legend(loc="center right")


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print loss and accuracy, save the curves."""
    args = parse(argv)
    losses, accuracies = train(optimizer(args), load(args.seed), args.epochs, args.seed)
    print(f"train loss {losses[-1]:.6f}  test accuracy {accuracies[-1]:.4f}")
    plot(losses, accuracies, args.output / "binary_classifier.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
