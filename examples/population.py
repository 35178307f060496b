"""Population: learning rates that are tuned while the networks train.

Sixteen networks read handwritten digits. They train at once under `jax.vmap`, each with
its own learning rate: `inject_hyperparams` keeps it in the state. Population based
training (arXiv:1711.09846) changes the rates: after every 25 steps the worst quarter
gets the parameters and the state of the best quarter (exploit), with its rates
multiplied by 0.8 or 1.25 (explore). The same networks train with fixed rates beside it.

Prints, for some rounds, the rates of the tuned population, and the losses of both. The
rates begin between 0.0001 and 10. They meet near 0.02 and then fall to about 0.001,
because batches of 4 are noisy: the population finds a decaying schedule. Draws rates
and losses. Ends with status 1 if the best tuned member has a higher loss than the best
fixed one.

    python examples/population.py
    python examples/population.py --members 32 --rounds 100 --seed 3
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from common import (
    Split,
    at_least,
    cross_entropy,
    extra,
    init_mlp,
    mlp,
    parser,
    picture,
    seed,
    some,
    split,
)

import adamx

with extra():
    from sklearn.datasets import load_digits

STEPS = 25
BATCH = 4
LOWEST, HIGHEST = 1e-4, 10.0

# The rate is a number in the state; `run` replaces this one by one for each member.
tx = adamx.inject_hyperparams(adamx.sgd)(0.1, momentum=0.9)


class History(NamedTuple):
    """One row for each round, one column for each member."""

    rates: Any
    losses: Any
    accuracies: Any


def loss_fn(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of the classes `y`."""
    return cross_entropy(mlp(params, x), y)


def start(key: jax.Array) -> tuple[Any, Any]:
    """Return parameters and state of one member."""
    params = init_mlp(key, (64, 64, 10), jax.nn.initializers.he_normal())
    return params, tx.init(params)


def train(data: Split, params: Any, state: Any, key: jax.Array) -> tuple[Any, Any]:
    """Train one member for `STEPS` steps."""

    def step(carry, rows):
        params, state = carry
        grads = jax.grad(loss_fn)(params, data.train_x[rows], data.train_y[rows])
        updates, state = tx.update(grads, state, params)
        return (adamx.apply_updates(params, updates), state), None

    rows = jax.random.randint(key, (STEPS, BATCH), 0, len(data.train_x))
    return jax.lax.scan(step, (params, state), rows)[0]


def measure(data: Split, params: Any) -> tuple[jax.Array, jax.Array]:
    """Return the loss on the training digits, and the accuracy on the others."""
    right = mlp(params, data.test_x).argmax(axis=1) == data.test_y
    loss = loss_fn(params, data.train_x, data.train_y)
    # So that a member whose loss is NaN is the worst.
    return jnp.where(jnp.isnan(loss), jnp.inf, loss), right.mean()


def exploit_and_explore(
    params: Any, state: Any, losses: jax.Array, key: jax.Array
) -> tuple[Any, Any]:
    """Replace the worst quarter by copies of the best, and change their rates."""
    quarter, members = len(losses) // 4, jnp.arange(len(losses))
    ranked = jnp.argsort(losses)
    source = members.at[ranked[-quarter:]].set(ranked[:quarter])
    params, state = jax.tree.map(lambda x: x[source], (params, state))
    factors = jax.random.choice(key, jnp.array([0.8, 1.25]), losses.shape)
    rates = jnp.where(source == members, 1.0, factors) * rates_of(state)
    return params, adamx.set_hyperparams(state, learning_rate=rates)


def rates_of(state: Any) -> jax.Array:
    """Return the learning rate of each member."""
    return adamx.find(state, "learning_rate")


@partial(jax.jit, static_argnames=("members", "rounds", "tuned"))
def run(key: jax.Array, data: Split, members: int, rounds: int, tuned: bool) -> History:
    """Train a population, with tuned rates or with fixed ones."""

    def one_round(population, key):
        params, state = population
        rates, (train_key, change_key) = rates_of(state), jax.random.split(key)
        keys = jax.random.split(train_key, members)
        params, state = jax.vmap(partial(train, data))(params, state, keys)
        losses, accuracies = jax.vmap(partial(measure, data))(params)
        if tuned:
            params, state = exploit_and_explore(params, state, losses, change_key)
        return (params, state), History(rates, losses, accuracies)

    start_key, key = jax.random.split(key)
    params, state = jax.vmap(start)(jax.random.split(start_key, members))
    rates = jnp.geomspace(LOWEST, HIGHEST, members)
    state = adamx.set_hyperparams(state, learning_rate=rates)
    return jax.lax.scan(one_round, (params, state), jax.random.split(key, rounds))[1]


def plot(tuned: History, fixed: History, path: Path) -> None:
    """Draw the rates and the losses of all members over time."""
    steps = STEPS * np.arange(1, len(tuned.rates) + 1)
    with picture(path, panels=2) as (left, right):
        begins = steps - STEPS
        left.semilogy(begins, tuned.rates, "C0", linewidth=0.8, drawstyle="steps-post")
        left.set_title("The rates of a tuned population")
        left.set_ylabel("learning rate")
        for name, dark, light, history in (
            ("fixed", "C1", "#f8d0d4", fixed),
            ("tuned", "C0", "#bccfe2", tuned),
        ):
            right.semilogy(steps, history.losses, color=light, linewidth=0.8)
            best = history.losses.min(axis=1)
            right.semilogy(steps, best, color=dark, label=f"best, rates {name}")
        right.set_title("Training loss of each member")
        right.set_ylabel("cross-entropy")
        right.legend()
        for axes in (left, right):
            axes.set_xlabel("step")


def main(argv: Sequence[str] | None = None) -> int:
    """Train both populations, print rates and losses, save the picture."""
    options = parser(__doc__)
    options.add_argument(
        "--members", type=at_least(4), default=16, help="networks (16)"
    )
    options.add_argument(
        "--rounds", type=at_least(1), default=60, help="of 25 steps (60)"
    )
    options.add_argument(
        "--seed", type=seed, default=0, help="of the split and of all keys (0)"
    )
    args = options.parse_args(argv)
    pixels, digits = load_digits(return_X_y=True)
    data, key = split(pixels / 16, digits, args.seed), jax.random.key(args.seed)
    tuned, fixed = (
        jax.device_get(run(key, data, args.members, args.rounds, tuned))
        for tuned in (True, False)
    )
    print("step  tuned rates       best, median loss  fixed: best, median loss")
    for i in some(args.rounds):
        rates, losses, others = tuned.rates[i], tuned.losses[i], fixed.losses[i]
        print(
            f"{STEPS * (i + 1):4}  {rates.min():.4f} … {rates.max():7.4f}     "
            f"{losses.min():.4f}  {np.median(losses):.4f}"
            f"           {others.min():.4f}  {np.median(others):.4f}"
        )
    for name, history in ("tuned", tuned), ("fixed", fixed):
        best = history.losses[-1].argmin()
        accuracy = history.accuracies[-1, best]
        print(f"best member, {name} rates: test accuracy {accuracy:.4f}")
    plot(tuned, fixed, args.output / "population.png")
    return 0 if tuned.losses[-1].min() <= fixed.losses[-1].min() else 1


if __name__ == "__main__":
    sys.exit(main())
