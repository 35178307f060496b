"""Binary classifier: breast-cancer data, trained as Keras trains with its Adam.

Trains Dense(32, relu) and Dense(1, sigmoid) on the binary cross-entropy. An epoch is
Keras's: shuffled batches, the last one smaller, and the mean loss and accuracy of the
training data while it goes. Every option of Keras's Adam is a flag, `lr` and `decay` of
its old versions too; the program prints the adamx call that they become.

    python examples/binary_classifier.py
    python examples/binary_classifier.py --lr 0.01 --decay 1e-3 --epsilon none --amsgrad
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from common import (
    Params,
    Split,
    init_mlp,
    mlp,
    picture,
    positive,
    training_parser,
)

import adamx
from adamx.racing.tasks.breast_cancer import breast_cancer_data as load
from adamx.racing.tasks.mlp import binary_cross_entropy

BATCH = 32
KERAS_EPSILON = 1e-7


def from_zero(below: float = math.inf) -> Callable[[str], float]:
    """Return the type of a flag that takes finite numbers from 0 to below `below`."""
    limit = "" if below == math.inf else f" and below {below:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < below:
            raise argparse.ArgumentTypeError(
                f"expected a number, at least 0{limit}, got {text!r}"
            )
        return value

    return read


def epsilon(text: str) -> float | None:
    """Return the value of a flag that takes a number above 0, or `none`."""
    return None if text.lower() == "none" else positive(text)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags; the defaults are Keras's."""
    options = training_parser(__doc__, epochs=50)
    options.add_argument(
        "--learning-rate",
        "--lr",
        type=positive,
        default=0.001,
        metavar="RATE",
        help="the length of a step (%(default)s)",
    )
    options.add_argument(
        "--beta-1",
        type=from_zero(below=1),
        default=0.9,
        metavar="B1",
        help="decay of the mean of gradients (%(default)s)",
    )
    options.add_argument(
        "--beta-2",
        type=from_zero(below=1),
        default=0.999,
        metavar="B2",
        help="decay of the mean of squared gradients (%(default)s)",
    )
    options.add_argument(
        "--epsilon",
        type=epsilon,
        default=KERAS_EPSILON,
        metavar="EPS",
        help="added to the denominator; none is Keras's 1e-07 (%(default)s)",
    )
    options.add_argument(
        "--decay",
        type=from_zero(),
        default=0.0,
        metavar="D",
        help="divides the rate by 1 + D·step (%(default)s)",
    )
    options.add_argument(
        "--amsgrad",
        action="store_true",
        help="divide by the largest mean of squared gradients so far",
    )
    return options.parse_args(argv)


def optimizer(args: argparse.Namespace) -> adamx.Transform:
    """Return Keras's Adam with these flags."""
    rate = args.learning_rate
    if args.decay:
        rate = adamx.inverse_time_decay_schedule(rate, args.decay)
    eps = KERAS_EPSILON if args.epsilon is None else args.epsilon
    build = adamx.amsgrad if args.amsgrad else adamx.adam
    return build(rate, args.beta_1, args.beta_2, eps, eps_hat=True)


def translation(args: argparse.Namespace) -> str:
    """Return Keras's call, adamx's, and what became of each argument."""
    rate, decay, eps = args.learning_rate, args.decay, args.epsilon
    lines = [
        f"Keras: Adam(lr={rate}, beta_1={args.beta_1}, beta_2={args.beta_2},"
        f" epsilon={eps}, decay={decay}, amsgrad={args.amsgrad})",
        f"adamx: {optimizer(args)}",
        "  lr is learning_rate, the first argument; Keras has renamed it too.",
        f"  decay={decay} is the schedule {rate} / (1 + {decay}·step), step from 0."
        if decay
        else "  decay=0.0 leaves the rate constant; another decay becomes a schedule.",
        f"  epsilon={eps} is eps{f'={KERAS_EPSILON:g}' if eps is None else ''};"
        " eps_hat=True adds it to the uncorrected root, as Keras does.",
    ]
    if args.amsgrad:
        lines.append("  amsgrad=True is an optimizer of its own, adamx.amsgrad.")
    return "\n".join(lines)


def loss_and_accuracy(
    params: Params, x: jax.Array, y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the mean binary cross-entropy, and the share of `x` classified right.

    The loss is computed from logits: no log of a sigmoid that became 0. A logit is
    positive where its sigmoid is above ½.
    """
    logits = mlp(params, x)[:, 0]
    return binary_cross_entropy(logits, y), jnp.mean((logits > 0) == y)


@partial(jax.jit, static_argnames="tx")
def train_epoch(
    tx: adamx.Transform,
    params: Params,
    state: Any,
    x: jax.Array,
    y: jax.Array,
    key: jax.Array,
) -> tuple[Params, Any, tuple[jax.Array, jax.Array]]:
    """Train on each row once; return parameters, state, mean loss and accuracy.

    Loss and accuracy are those of each row before the step that it is in.
    """

    def step(carry, rows):
        params, state = carry
        grad_fn = jax.value_and_grad(loss_and_accuracy, has_aux=True)
        (loss, accuracy), grads = grad_fn(params, x[rows], y[rows])
        updates, state = tx.update(grads, state, params)
        params = adamx.apply_updates(params, updates)
        return (params, state), jnp.stack([loss, accuracy]) * len(rows)

    order = jax.random.permutation(key, len(x))
    full = len(x) // BATCH * BATCH
    carry, sums = jax.lax.scan(step, (params, state), order[:full].reshape(-1, BATCH))
    total = sums.sum(axis=0)
    if full < len(x):
        carry, last = step(carry, order[full:])
        total += last
    params, state = carry
    loss, accuracy = total / len(x)
    return params, state, (loss, accuracy)


class History(NamedTuple):
    """Numbers of each epoch."""

    loss: list[float]
    accuracy: list[float]
    test_accuracy: list[float]


def train(tx: adamx.Transform, data: Split, epochs: int, seed: int) -> History:
    """Train, and print a line for each epoch."""
    init_key, *keys = jax.random.split(jax.random.key(seed), epochs + 1)
    sizes = (data.train_x.shape[1], 32, 1)
    params = init_mlp(init_key, sizes, jax.nn.initializers.glorot_uniform())
    state = tx.init(params)
    history = History([], [], [])
    for epoch, key in enumerate(keys, start=1):
        params, state, measured = train_epoch(
            tx, params, state, data.train_x, data.train_y, key
        )
        loss, accuracy = map(float, measured)
        _, test_accuracy = loss_and_accuracy(params, data.test_x, data.test_y)
        for numbers, new in zip(
            history, (loss, accuracy, float(test_accuracy)), strict=True
        ):
            numbers.append(new)
        width = len(str(epochs))
        print(
            f"Epoch {epoch:{width}}/{epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}"
        )
    return history


def plot(history: History, path: Path) -> None:
    """Draw the loss and both accuracies."""
    epochs = range(1, len(history.loss) + 1)
    # A line of one point would not be seen.
    style = {"marker": "o"} if len(epochs) == 1 else {}
    with picture(path, panels=2) as (left, right):
        left.plot(epochs, history.loss, **style, label="training data")
        left.set(title="Binary cross-entropy", ylabel="loss, mean of the epoch")
        left.set_ylim(bottom=0)
        right.plot(epochs, history.accuracy, **style, label="training data")
        right.plot(epochs, history.test_accuracy, **style, label="test data")
        right.set(title="Accuracy", ylabel="share classified correctly")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.legend(loc="center right")


def main(argv: Sequence[str] | None = None) -> int:
    """Translate the flags, train, and save the curves."""
    args = parse(argv)
    print(translation(args))
    history = train(optimizer(args), load(args.seed), args.epochs, args.seed)
    print(f"test accuracy {history.test_accuracy[-1]:.4f}")
    plot(history, args.output / "binary_classifier.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
