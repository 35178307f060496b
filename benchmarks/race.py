"""Time a race of rates and seeds as one program, and one after the other.

    python -m benchmarks.race                        # about two minutes
    python -m benchmarks.race --write docs/benchmarks.md

16 rates × 3 seeds of Adam on the digits task, and on one twice as wide, in three ways
that take turns in one process and do the same steps on the same batches, with
everything compiled before:

together    the program of a race: all rates and seeds, with its checkpoints
by the run  the same program for one rate and one seed, called for one after the other
by the step a jitted training step of one run, called in a loop, as most training loops
            are; it looks at the validation loss at the same checkpoints

Figures are medians; behind each ratio stand the smallest and largest of single rounds.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tabulate import tabulate

import adamx
from adamx.racing.entrants import find_entrants
from adamx.racing.heat import Heat, init_key, step_key
from adamx.racing.race import checkpoints
from adamx.racing.step import train_step
from adamx.racing.tasks.digits import digits
from benchmarks.document import replace
from benchmarks.step import ratio, timed

RATES, SEEDS = 16, 3
WIDTHS = 32, 64
WAYS = "together", "by the run", "by the step"
Times = dict[str, list[float]]


class Laps:
    """The program of a heat, compiled for so many seeds and rates."""

    def __init__(self, heat: Heat, seeds: int, rates: int) -> None:
        self.heat, self.limit = heat, jnp.full(seeds, jnp.inf)
        kinds = jnp.zeros(seeds, jnp.uint32), jnp.zeros(rates)
        start = heat.start(*kinds)
        clock = time.perf_counter()
        lowered = heat.advance.lower(start, *kinds, jnp.int32(0), self.limit)
        self.program = lowered.compile()
        self.compile_seconds = time.perf_counter() - clock

    def run(self, seeds: jax.Array, rates: jax.Array) -> jax.Array:
        """The last validation losses; waits at each checkpoint, as a race does."""
        lanes, values = self.heat.start(seeds, rates), None
        for until in checkpoints(self.heat.steps):
            args = lanes, seeds, rates, jnp.int32(until), self.limit
            lanes, _, values = jax.block_until_ready(self.program(*args))
        assert values is not None
        return values


class Steps:
    """One run, step by step."""

    def __init__(self, heat: Heat) -> None:
        self.heat, task = heat, heat.task

        def begin(rate: jax.Array, seed: jax.Array) -> tuple[Any, Any]:
            params = task.init(init_key(seed))
            return params, heat.transform(rate).init(params)

        def step(
            params: Any, state: Any, rate: jax.Array, seed: jax.Array, number: jax.Array
        ) -> tuple[Any, Any, jax.Array]:
            key = step_key(seed, number)
            batch = task.draw(key)
            tx = heat.transform(rate)
            return train_step(tx, lambda p: task.loss(p, batch), params, state, key)

        self.begin, self.step = jax.jit(begin), jax.jit(step, donate_argnums=(0, 1))
        self.validate = jax.jit(task.validate)
        self.numbers = [jnp.int32(i) for i in range(heat.steps)]

    def run(self, seed: jax.Array, rate: jax.Array) -> jax.Array:
        """The last validation loss."""
        params, state = self.begin(rate, seed)
        seen, value = checkpoints(self.heat.steps), None
        for i, number in enumerate(self.numbers):
            params, state, _ = self.step(params, state, rate, seed, number)
            if i + 1 in seen:
                value = jax.block_until_ready(self.validate(params))
        assert value is not None
        return value


def measure(hidden: int, rounds: int, steps: int | None) -> Times:
    """Seconds of each way, one a round, and to compile the program of all."""
    task = digits(hidden=hidden)
    (entrant,) = find_entrants("adam")
    heat = Heat(task, entrant, steps or task.steps)
    grid = jnp.asarray(entrant.grid(RATES, 4.0))
    seeds = jnp.arange(SEEDS, dtype=jnp.uint32)
    all_, one, step = Laps(heat, SEEDS, RATES), Laps(heat, 1, 1), Steps(heat)
    singles = [(seeds[i : i + 1], grid[j : j + 1]) for i, j in _places()]
    scalars = [(seeds[i], grid[j]) for i, j in _places()]
    ways: dict[str, Callable[[], Any]] = {
        "together": lambda: all_.run(seeds, grid),
        "by the run": lambda: jnp.stack([one.run(*a)[0, 0] for a in singles]),
        "by the step": lambda: jnp.stack([step.run(*a) for a in scalars]),
    }
    found = {name: way().reshape(SEEDS, RATES) for name, way in ways.items()}
    for name, values in found.items():
        # Rounding shows where a rate is no good at all; elsewhere it must not.
        good = found["together"] < 1.0
        apart = jnp.abs(values / found["together"] - 1)[good]
        assert float(jnp.median(apart)) < 1e-3, name
    times: Times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(timed(way)[0])
    times["compile"] = [all_.compile_seconds]
    return times


def _places() -> list[tuple[int, int]]:
    return [(i, j) for i in range(SEEDS) for j in range(RATES)]


def table(found: dict[int, Times]) -> str:
    """The versions and the table, as Markdown."""
    rows = []
    for hidden, times in found.items():
        for name in WAYS:
            values, shown = times[name], ratio(times[name], times["together"])
            row = [name, f"{statistics.median(values):.3f} s"]
            rows.append([f"{hidden} units", *row, "" if name == WAYS[0] else shown])
        rows.append(["", "to compile it", f"{times['compile'][0]:.2f} s", ""])
    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    versions = f"adamx {adamx.__version__}, jax {jax.__version__}"
    head = f"{versions}, Python {platform.python_version()}; {device}"
    columns = ["digits", "48 runs", "time", "of that together"]
    return f"{head}\n\n{tabulate(rows, columns, tablefmt='github')}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, help="of each run; the task's by default")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    options = parser.parse_args()
    found = {n: measure(n, options.rounds, options.steps) for n in WIDTHS}
    text = table(found)
    print(text)
    if options.write:
        replace(options.write, "benchmarks.race", text)


if __name__ == "__main__":
    main()
