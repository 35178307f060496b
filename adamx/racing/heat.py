"""All rates and seeds of one optimizer, as one program."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.chain import chain
from adamx.core.transform import Transform
from adamx.inspect.memory import numbers, total_bytes
from adamx.racing.entrants import Entrant
from adamx.racing.schedule import scheduled
from adamx.racing.step import evaluated, train_step
from adamx.racing.task import Task
from adamx.transforms.clipping.clip import clip_by_global_norm
from adamx.types import Array, Params, Scalar, State

BLOWN_UP = 100.0
"""A run has diverged if its validation loss is this many times that of the start."""

ALIVE = -1


class Lanes(NamedTuple):
    """The runs of a heat, seeds by rates: their parameters, states and common step."""

    params: Params
    state: State
    step: Array
    diverged: Array
    """The step at which each run diverged, or `ALIVE`."""


class Lap(NamedTuple):
    """The progress of a heat at a checkpoint, for a progress bar."""

    name: str
    step: int
    steps: int
    alive: int
    """Runs that have not diverged."""
    runs: int
    best: float
    """The least validation loss over all rates, as the mean over the seeds."""


class Finish(NamedTuple):
    """The result of a heat: arrays of checkpoints, rates and seeds."""

    checkpoints: np.ndarray
    training: np.ndarray
    """The mean training loss since the checkpoint before; NaN at the start."""
    validation: np.ndarray
    diverged: np.ndarray
    """For each rate and seed the step at which the run diverged, or `ALIVE`."""
    accuracy: np.ndarray | None
    seconds: float
    compile_seconds: float


class Heat:
    """One optimizer on a task: builds the program, and runs it.

    The batches of a seed are the same for all rates, and for all optimizers.
    """

    def __init__(
        self, task: Task, entrant: Entrant, steps: int, schedule: str = "constant"
    ) -> None:
        self.task, self.entrant = task, entrant
        self.steps, self.schedule = steps, schedule
        self.start = jax.jit(self._start)
        self.advance = jax.jit(self._advance, donate_argnums=0)

    def transform(self, rate: Scalar) -> Transform:
        """Return the optimizer with this rate, and the race's schedule and clip."""
        tx = self.entrant.transform(scheduled(self.schedule, self.steps, rate))
        clip = self.task.clip
        return tx if clip == float("inf") else chain(clip_by_global_norm(clip), tx)

    def bytes_per_parameter(self) -> float:
        """Return the bytes of state for each number that is trained."""
        params = jax.eval_shape(self.task.init, jax.random.key(0))
        state = jax.eval_shape(self.transform(1.0).init, params)
        return total_bytes(state) / max(1, numbers(params))

    def _start(self, seeds: Array, rates: Array) -> Lanes:
        """Return all runs before their first step."""

        def begin(seed: Array, rate: Array) -> tuple[Params, State]:
            params = self.task.init(init_key(seed))
            return params, self.transform(rate).init(params)

        params, state = _each(begin, (0, None), (None, 0))(seeds, rates)
        shape = len(seeds), len(rates)
        alive = jnp.full(shape, ALIVE, jnp.int32)
        return Lanes(params, state, jnp.zeros((), jnp.int32), alive)

    def _advance(
        self, lanes: Lanes, seeds: Array, rates: Array, until: Array, limit: Array
    ) -> tuple[Lanes, Array, Array]:
        """Train up to step `until`; return the training and validation losses, too.

        Training stops once all runs have diverged: no loss is finite. A run also counts
        as diverged if its validation loss is above the `limit` of its seed.
        """
        first = lanes.step

        def one(
            params: Params, state: State, rate: Array, batch: Any, key: Array
        ) -> tuple[Params, State, Array]:
            def loss(params: Params) -> Array:
                return self.task.loss(params, batch)

            return train_step(self.transform(rate), loss, params, state, key)

        # Under `vmap` a `cond` runs both branches, so refresh steps would run in every
        # step.
        rules = self.transform(1.0).plan.rules()
        each = _one_by_one if any(rule.refreshes for rule in rules) else jax.vmap
        everywhere = _each(one, (0, 0, None, 0, 0), (0, 0, 0, None, None), each)

        def body(carry: tuple[Lanes, Array]) -> tuple[Lanes, Array]:
            lanes, total = carry
            keys = jax.vmap(partial(step_key, step=lanes.step))(seeds)
            batches = jax.vmap(self.task.draw)(keys)
            params, state, losses = everywhere(
                lanes.params, lanes.state, rates, batches, keys
            )
            bad = ~jnp.isfinite(losses) & (lanes.diverged == ALIVE)
            diverged = jnp.where(bad, lanes.step, lanes.diverged)
            return Lanes(params, state, lanes.step + 1, diverged), total + losses

        def more(carry: tuple[Lanes, Array]) -> Array:
            lanes, _ = carry
            return (lanes.step < until) & jnp.any(lanes.diverged == ALIVE)

        total = jnp.zeros((len(seeds), len(rates)))
        lanes, total = jax.lax.while_loop(more, body, (lanes, total))
        validation = _each(self._validate, (0, 0), (0, 0))(lanes.params, lanes.state)
        blown = ~(validation <= limit[:, None]) & (lanes.diverged == ALIVE)
        diverged = jnp.where(blown, lanes.step, lanes.diverged)
        mean = total / jnp.asarray(until - first, total.dtype)
        return lanes._replace(diverged=diverged), mean, validation

    def _validate(self, params: Params, state: State) -> Array:
        return self.task.validate(evaluated(state, params))

    def accuracies(self, lanes: Lanes) -> np.ndarray | None:
        """Return the accuracy of each run, if the task has one."""
        accuracy = self.task.accuracy
        if accuracy is None:
            return None

        def of(params: Params, state: State) -> Array:
            return accuracy(evaluated(state, params))

        return np.asarray(jax.jit(_each(of, (0, 0), (0, 0)))(lanes.params, lanes.state))

    def laps(
        self, rates: Sequence[float], seeds: Sequence[int], checkpoints: Sequence[int]
    ) -> Iterator[Lap | Finish]:
        """Yield a lap for each checkpoint, and the finish last."""
        seed_numbers, grid = jnp.asarray(seeds, jnp.uint32), jnp.asarray(rates)
        shape = len(checkpoints), len(rates), len(seeds)
        training, validation = np.full((2, *shape), np.nan)
        accuracy, diverged = None, np.full(shape[1:], ALIVE)
        limit = jnp.full(len(seeds), jnp.inf)
        here = np.arange(len(rates))
        lanes = self.start(seed_numbers, grid)
        clock, compiling = time.perf_counter(), 0.0
        program, ran = None, 0.0
        for i, until in enumerate(checkpoints):
            args = (lanes, seed_numbers, grid, jnp.int32(until), limit)
            if program is None:
                clock = time.perf_counter()
                program = self.advance.lower(*args).compile()
                compiling += time.perf_counter() - clock
            clock = time.perf_counter()
            lanes, losses, values = jax.block_until_ready(program(*args))
            ran += time.perf_counter() - clock
            training[i, here], validation[i, here] = losses.T, values.T
            diverged[here] = lanes.diverged.T
            if i == 0:
                limit = BLOWN_UP * jnp.max(jnp.abs(values), axis=1)
            alive = np.any(diverged[here] == ALIVE, axis=1)
            yield self._lap(until, validation[i], diverged)
            if not alive.any():
                break
            # Another compilation pays if half of the runs and half of the steps are
            # left.
            if 2 * alive.sum() <= len(here) and 2 * until <= self.steps:
                lanes, grid = _kept(lanes, alive), grid[alive]
                here, program = here[alive], None
        found = self.accuracies(lanes)
        if found is not None:
            accuracy = np.full(shape[1:], np.nan)
            accuracy[here] = found.T
            accuracy[diverged != ALIVE] = np.nan
        dead = (diverged != ALIVE) & (diverged <= np.reshape(checkpoints, (-1, 1, 1)))
        training[dead] = validation[dead] = np.nan
        steps = np.asarray(checkpoints)
        yield Finish(steps, training, validation, diverged, accuracy, ran, compiling)

    def _lap(self, step: int, validation: np.ndarray, diverged: np.ndarray) -> Lap:
        means = np.where(diverged == ALIVE, validation, np.inf).mean(axis=1)
        best = float(np.min(means))
        alive = int(np.sum(diverged == ALIVE))
        return Lap(self.entrant.name, step, self.steps, alive, diverged.size, best)

    def alone(self, rate: float, seed: int, repeats: int = 3) -> float:
        """Measure the seconds of a step of one run, the median of some repeats."""
        seeds, rates = jnp.asarray([seed], jnp.uint32), jnp.asarray([rate])
        steps = max(1, min(self.steps, 200))

        def seconds(until: int) -> float:
            lanes, limit = self.start(seeds, rates), jnp.full(1, jnp.inf)
            clock = time.perf_counter()
            args = lanes, seeds, rates, jnp.int32(until), limit
            jax.block_until_ready(self.advance(*args))
            return time.perf_counter() - clock

        seconds(0)  # compiles, if it has not been
        # the validation at the end does not count
        times = [seconds(steps) - seconds(0) for _ in range(repeats)]
        return max(0.0, float(np.median(times)) / steps)


def init_key(seed: Array) -> Array:
    """Return the key of the first parameters of a seed."""
    return jax.random.fold_in(jax.random.key(seed), 0)


def step_key(seed: Array, step: Array) -> Array:
    """Return the key of the batch of a step of a seed."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 1), step)


def _each(
    function: Callable[..., Any],
    seeds: tuple[Any, ...],
    rates: tuple[Any, ...],
    each: Callable[..., Callable[..., Any]] = jax.vmap,
) -> Callable[..., Any]:
    """Return the function for all seeds, and for each of them all rates."""
    return each(each(function, in_axes=rates), in_axes=seeds)


def _one_by_one(
    function: Callable[..., Any], in_axes: tuple[Any, ...]
) -> Callable[..., Any]:
    """Return `jax.vmap` of a function, as a loop."""

    def run(*args: Any) -> Any:
        def once(mapped: list[Any]) -> Any:
            rest = iter(mapped)
            pairs = zip(args, in_axes, strict=True)
            return function(*(x if axis is None else next(rest) for x, axis in pairs))

        pairs = zip(args, in_axes, strict=True)
        return jax.lax.map(once, [x for x, axis in pairs if axis is not None])

    return run


def _kept(lanes: Lanes, alive: np.ndarray) -> Lanes:
    """Return the lanes of these rates."""
    params, state, diverged = jax.tree.map(
        lambda x: x[:, alive], (lanes.params, lanes.state, lanes.diverged)
    )
    return Lanes(params, state, lanes.step, diverged)
