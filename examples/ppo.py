"""PPO: a cart learns to balance a pole, with the whole training in one `lax.scan`.

The environment (CartPole) is written in JAX below. So the environment, the loss and the
optimizer are one compiled program, and `jax.vmap` runs it for eight seeds at once.

Prints the mean return, and its range over the seeds: from about 20, the return of
random actions, to nearly 500, the longest episode. Draws it over the updates. Ends with
status 1 if the last mean return is below 150.

    python examples/ppo.py
    python examples/ppo.py --seeds 16 --updates 80
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from common import at_least, init_mlp, mlp, parser, picture, some

import adamx

TARGET, LONGEST = 150, 500
CARTS, STEPS, EPOCHS, MINIBATCHES = 16, 128, 4, 4
DISCOUNT, TRACE, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.01


class Carts(NamedTuple):
    """The environments: what the policy observes, and the returns of their episodes."""

    observed: jax.Array  # position, speed, angle, angular speed
    steps: jax.Array  # in this episode, which equals its return so far
    last: jax.Array  # the return of the last episode that ended


class Record(NamedTuple):
    """The steps that were played."""

    observed: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    done: jax.Array


def begin(key: jax.Array) -> jax.Array:
    """Return positions to begin with, near zero."""
    return jax.random.uniform(key, (CARTS, 4), minval=-0.05, maxval=0.05)


def push(carts: Carts, action: jax.Array, key: jax.Array) -> tuple[Carts, jax.Array]:
    """Push left (0) or right (1) for 0.02 s, after Barto, Sutton & Anderson (1983)."""
    _, speed, angle, spin = carts.observed.T
    force, pole, mass, half = jnp.where(action == 1, 10.0, -10.0), 0.1, 1.1, 0.5
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    shift = (force + pole * half * spin**2 * sin) / mass
    turn = (9.8 * sin - cos * shift) / (half * (4 / 3 - pole * cos**2 / mass))
    rates = [speed, shift - pole * half * turn * cos / mass, spin, turn]
    after = carts.observed + 0.02 * jnp.stack(rates, axis=1)
    steps = carts.steps + 1
    fallen = (abs(after[:, 0]) > 2.4) | (abs(after[:, 2]) > jnp.deg2rad(12))
    done = fallen | (steps == LONGEST)
    observed = jnp.where(done[:, None], begin(key), after)
    last = jnp.where(done, steps, carts.last)
    return Carts(observed, jnp.where(done, 0, steps), last), done


def policy(params: Any, observed: jax.Array) -> jax.Array:
    """Return the log-probabilities of both actions."""
    return jax.nn.log_softmax(mlp(params["policy"], observed))


def value(params: Any, observed: jax.Array) -> jax.Array:
    """Return an estimate of the return from here on."""
    return mlp(params["value"], observed)[:, 0]


def play(params: Any, carts: Carts, key: jax.Array) -> tuple[Carts, Record]:
    """Play `STEPS` steps."""

    def step(carts, key):
        action_key, begin_key = jax.random.split(key)
        log_probs = policy(params, carts.observed)
        action = jax.random.categorical(action_key, log_probs)
        after, done = push(carts, action, begin_key)
        taken, guess = (
            log_probs[jnp.arange(CARTS), action],
            value(params, carts.observed),
        )
        return after, Record(carts.observed, action, taken, guess, done)

    return jax.lax.scan(step, carts, jax.random.split(key, STEPS))


def advantages(record: Record, last_value: jax.Array) -> jax.Array:
    """Return generalized advantage estimates, computed from the last step back."""

    def back(carry, step):
        advantage, next_value = carry
        goes_on = DISCOUNT * (1.0 - step.done)
        error = 1.0 + goes_on * next_value - step.value  # the reward is 1
        advantage = error + goes_on * TRACE * advantage
        return (advantage, step.value), advantage

    start = jnp.zeros_like(last_value), last_value
    return jax.lax.scan(back, start, record, reverse=True)[1]


def loss_fn(params: Any, batch: tuple[Record, jax.Array]) -> jax.Array:
    """Return PPO's loss of the policy, with those of the value and of the entropy."""
    record, advantage = batch
    log_probs = policy(params, record.observed)
    taken = log_probs[jnp.arange(len(log_probs)), record.action]
    ratio = jnp.exp(taken - record.log_prob)
    gain = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = jnp.minimum(ratio * gain, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * gain)
    error = value(params, record.observed) - (advantage + record.value)
    entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=1)
    return jnp.mean(-clipped + 0.5 * error**2 - ENTROPY * entropy)


@partial(jax.jit, static_argnames="updates")
def train(key: jax.Array, updates: int) -> jax.Array:
    """Train from one seed; return the mean return after each update."""
    rate = adamx.linear_schedule(0.01, 0.0, updates * EPOCHS * MINIBATCHES)
    tx = adamx.chain(adamx.clip_by_global_norm(0.5), adamx.adam(rate, eps=1e-5))

    def learn(carry, batch):
        params, state = carry
        grads = jax.grad(loss_fn)(params, batch)
        changes, state = tx.update(grads, state, params)
        return (adamx.apply_updates(params, changes), state), None

    def update(carry, key):
        params, state, carts = carry
        play_key, *keys = jax.random.split(key, EPOCHS + 1)
        carts, record = play(params, carts, play_key)
        played = record, advantages(record, value(params, carts.observed))
        played = jax.tree.map(lambda x: x.reshape(STEPS * CARTS, *x.shape[2:]), played)
        order = [jax.random.permutation(key, STEPS * CARTS) for key in keys]
        order = jnp.stack(order).reshape(EPOCHS * MINIBATCHES, -1)
        batches = jax.tree.map(lambda x: x[order], played)
        (params, state), _ = jax.lax.scan(learn, (params, state), batches)
        return (params, state, carts), carts.last.mean()

    policy_key, value_key, begin_key, key = jax.random.split(key, 4)
    initializer = jax.nn.initializers.orthogonal()
    params = {
        "policy": init_mlp(policy_key, (4, 64, 2), initializer),
        "value": init_mlp(value_key, (4, 64, 1), initializer),
    }
    carts = Carts(begin(begin_key), jnp.zeros(CARTS), jnp.zeros(CARTS))
    carry = params, tx.init(params), carts
    return jax.lax.scan(update, carry, jax.random.split(key, updates))[1]


def plot(returns: np.ndarray, path: Path) -> None:
    """Draw the mean over the seeds, its spread, and each seed."""
    updates = range(1, returns.shape[1] + 1)
    low, high = np.percentile(returns, [10, 90], axis=0)
    with picture(path) as (axes,):
        axes.plot(updates, returns.T, color="lightgray", linewidth=0.8)
        axes.plot(updates, returns.mean(axis=0), label=f"mean of {len(returns)} seeds")
        axes.fill_between(updates, low, high, alpha=0.25, label="10 % to 90 % of them")
        axes.set_title("PPO with Adam learns to balance a pole")
        axes.set_xlabel(f"update, each after {STEPS * CARTS:,} steps of the carts")
        axes.set_ylabel("mean return of the last episodes")
        axes.legend(loc="lower right")


def main(argv: Sequence[str] | None = None) -> int:
    """Train all seeds at once, print the returns, save the picture."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=at_least(1), default=8, help="how many (8)")
    options.add_argument("--updates", type=at_least(1), default=60, help="each (60)")
    args = options.parse_args(argv)
    keys = jax.random.split(jax.random.key(0), args.seeds)
    returns = np.asarray(jax.vmap(partial(train, updates=args.updates))(keys))
    for update in some(args.updates):
        now = returns[:, update]
        spread = f"{now.min():5.1f} to {now.max():5.1f}"
        print(f"update {update + 1:3}  mean return {now.mean():5.1f}  seeds {spread}")
    plot(returns, args.output / "ppo.png")
    return 0 if returns[:, -1].mean() >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
