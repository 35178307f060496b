"""Time the trace of every optimizer that adamx and Optax both have.

    python -m benchmarks.trace                       # 300 leaves, five rounds
    python -m benchmarks.trace --only adam --leaves 100
    python -m benchmarks.trace --write docs/benchmarks.md

A trace is that of a jitted `tx.update(grads, state, params)` with all caches dropped.
Both libraries run in one process and take turns; figures are medians, and behind each
ratio stands the spread over the rounds, as smallest to largest. The least there can
be is the trace of a program that only negates each gradient.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from tabulate import tabulate

from adamx.testing.subject import Subject
from benchmarks.command import measure_each, parser, publish
from benchmarks.laws import SUBJECTS
from benchmarks.step import forget, ratio, timed, versions
from benchmarks.trees import random_tree, small_leaves

AIM = 0.5
"""Of Optax's time."""

Times = dict[str, dict[str, list[float]]]
"""By optimizer and library, the seconds of each round."""


def shared() -> list[str]:
    """The names that both libraries have an optimizer under."""
    ours, theirs = (dict(optimizers()) for optimizers, _ in SUBJECTS.values())
    return sorted(ours.keys() & theirs.keys())


def measure(name: str, leaves: int, rounds: int) -> dict[str, list[float]]:
    """The seconds of a trace in each library, one for each round."""
    params, grads = (random_tree(small_leaves(leaves), seed) for seed in (0, 1))
    subjects = {
        library: subject(name, dict(optimizers())[name])
        for library, (optimizers, subject) in SUBJECTS.items()
    }
    states = {library: s.tx.init(params) for library, s in subjects.items()}
    updates: dict[str, Any] = {k: _alone(s, grads, params) for k, s in subjects.items()}
    updates["least"] = lambda g, state, params: (jax.tree.map(jnp.negative, g), state)
    states["least"] = {}
    times: dict[str, list[float]] = {library: [] for library in updates}
    for _ in range(rounds + 1):
        for library, update in updates.items():
            forget()
            seconds, _ = timed(_trace, update, grads, states[library], params)
            times[library].append(seconds)
    # In the first round jax's own helpers are traced too.
    return {library: seconds[1:] for library, seconds in times.items()}


def _alone(subject: Subject, grads: Any, params: Any) -> Callable[..., Any]:
    """The update without what makes its arguments, such as the loss."""
    extra = subject.extra(grads, params) if subject.extra else {}
    return partial(subject.tx.update, **extra)


def _trace(update: Callable[..., Any], *arguments: Any) -> None:
    jax.jit(lambda *arguments: update(*arguments)).trace(*arguments)


def report(found: dict[str, Any]) -> str:
    """The versions and the table, as Markdown."""
    rows, within = [], 0
    for name, times in found["times"].items():
        ours, theirs = times["adamx"], times["Optax"]
        medians = statistics.median(ours), statistics.median(theirs)
        within += medians[0] <= AIM * medians[1]
        shown = [f"{1e3 * median:.0f} ms" for median in medians]
        rows.append([f"`{name}`", *shown, ratio(ours, theirs)])
    least = [s for times in found["times"].values() for s in times["least"]]
    table = tabulate(rows, ["trace", "adamx", "Optax", "ratio"], tablefmt="github")
    count = f"{within} of {len(rows)} within {AIM} of Optax's time"
    floor = f"the least there can be is {1e3 * statistics.median(least):.0f} ms"
    head = f"{found['versions']}; {found['leaves']} leaves; {count}; {floor}"
    return f"{head}\n\n{table}"


def main() -> None:
    command = parser(__doc__)
    command.add_argument("--only", default="", help="names with this in them")
    command.add_argument("--leaves", type=int, default=300, help="arrays in the tree")
    command.add_argument("--rounds", type=int, default=5, help="turns of each library")
    options = command.parse_args()

    def of(name: str) -> dict[str, Any]:
        return measure(name, options.leaves, options.rounds)

    def measured() -> dict[str, Any]:
        times = measure_each(shared(), options.only, of)
        return {"versions": versions(), "leaves": options.leaves, "times": times}

    publish(options, "benchmarks.trace", measured, report)


if __name__ == "__main__":
    main()
