"""The table of a race: one row an optimizer, the least loss first."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adamx.racing.extras import extras
from adamx.racing.heat import ALIVE
from adamx.racing.results import Outcome, Race

COLUMNS: dict[str, Callable[[Outcome, Race], str]] = {
    "optimizer": lambda o, race: o.name,
    "best rate": lambda o, race: (
        "none" if o.best is None else f"{o.best_rate:g}{' ⚠' if o.at_edge else ''}"
    ),
    "validation loss": lambda o, race: _loss(o),
    "right": lambda o, race: _accuracy(o),
    "steps to target": lambda o, race: _count(o.steps_to(race.target)),
    "time to target": lambda o, race: _time(o.steps_to(race.target) * o.step_seconds),
    "state": lambda o, race: f"{round(o.state_bytes, 1):g} B",
    "diverged": lambda o, race: f"{(o.diverged != ALIVE).sum()} of {o.diverged.size}",
}


RUNS = """
optimizer learning_rate seed validation_loss training_loss accuracy diverged_at_step
"""
TABLE = """
optimizer best_rate at_edge loss_mean loss_sd steps_to_target seconds_to_target
state_bytes_per_parameter seconds compile_seconds
"""


def rows(race: Race) -> list[dict[str, str]]:
    """Return the rows of the table, without empty columns."""
    found = [{k: f(o, race) for k, f in COLUMNS.items()} for o in race.ranked]
    empty = {k for k in COLUMNS if not any(row[k] for row in found)}
    if race.target is None:
        empty |= {"steps to target", "time to target"}
    return [{k: v for k, v in row.items() if k not in empty} for row in found]


def _loss(outcome: Outcome) -> str:
    mean, deviation = outcome.loss
    if outcome.best is None:
        return "diverged"
    if deviation == 0:
        return f"{mean:.3g}"
    # Digits up to the second one of the deviation.
    digits = max(0, 1 - math.floor(math.log10(deviation)))
    if digits > 6 or mean >= 1e6:
        return f"{mean:.2e} ± {deviation:.0e}"
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def _accuracy(outcome: Outcome) -> str:
    if outcome.accuracy is None or outcome.best is None:
        return ""
    return f"{100 * outcome.accuracy[outcome.best].mean():.1f} %"


def _count(steps: float) -> str:
    return f"{steps:,.0f}" if math.isfinite(steps) else "never"


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    if seconds < 1e-5:
        return "< 0.01 ms"
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1e3 * seconds:.2g} ms"


def caveats(race: Race) -> list[str]:
    """Return the notes that a reader of the table needs."""
    settings = race.settings
    edge = [o.name for o in race.ranked if o.at_edge]
    dearer = [o.name for o in race.ranked if o.dearer]
    lost = [o.name for o in race.ranked if o.best is None]
    random = any(o.loss[1] > 0 for o in race.ranked)
    many, seeds = settings["rates"], len(settings["seeds"])
    span = (
        f" The rates span {settings['decades']:g} powers of ten around the documented "
        "default, unless grids were given."
    )
    found = [
        f"Every optimizer had {many} learning rates, {settings['steps']} steps, and "
        f"the same {seeds} seeds of start and batches.{span if many > 1 else ''} The "
        f"schedule of all was {settings['schedule']}.",
        "The loss that chose the best rate is the one shown, so it is a little too "
        "good, for all; what differs by less than the deviations is a draw.",
        "Only the learning rate was tuned. All else is at its default.",
        "The time to target is that of one run by itself, without compilation, on this "
        "machine. Steps are counted in checkpoints, and are the median of the seeds.",
    ]
    if edge:
        found.append(
            f"⚠ The best rate of {_list(edge)} lies at the edge of the grid: a better "
            "one may lie outside. Give --grid, or more --decades."
        )
    if dearer:
        found.append(
            f"A step of {_list(dearer)} evaluates the loss more often than for one "
            "gradient; the same number of steps is a larger budget."
        )
    if lost:
        found.append(f"All runs of {_list(lost)} diverged.")
    if race.outcomes and not random and seeds > 1:
        found.append("Nothing in this task is random: all seeds agree.")
    if race.waiting:
        found.append(f"Interrupted: {_list(race.waiting)} did not run; see --resume.")
    return found


def _list(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def show(race: Race) -> None:
    """Print the table, and the caveats below it."""
    with extras():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
    title = race.title or race.task
    table = Table(
        title=title, title_style="bold", box=SIMPLE_HEAD, padding=(0, 0, 0, 1)
    )
    found = rows(race)
    for name in found[0] if found else []:
        # Narrow, so that no cell has to be broken in a window of 80 columns.
        head, side = name.replace(" ", "\n"), "left" if name == "optimizer" else "right"
        table.add_column(head, justify=side, no_wrap=True)
    for row in found:
        table.add_row(*row.values())
    console = Console()
    console.print(table)
    for line in caveats(race):
        console.print(f"· {line}", highlight=False, markup=False)


def write_runs(race: Race, file: Path) -> None:
    """Write a line for each run: rate, seed, final losses and where it diverged."""
    lines: list[list[Any]] = [RUNS.split()]
    for outcome in race.outcomes:
        for i, rate in enumerate(outcome.rates):
            for j, seed in enumerate(race.settings["seeds"]):
                accuracy = outcome.accuracy
                lines.append(
                    [
                        outcome.name,
                        rate,
                        seed,
                        outcome.final[i, j],
                        outcome.training[-1, i, j],
                        "" if accuracy is None else accuracy[i, j],
                        "" if (at := outcome.diverged[i, j]) == ALIVE else at,
                    ]
                )
    _write(file, lines)


def write_table(race: Race, file: Path) -> None:
    """Return the table, in numbers that a program reads."""
    lines: list[list[Any]] = [TABLE.split()]
    for o in race.ranked:
        steps = o.steps_to(race.target)
        lines.append(
            [
                o.name,
                o.best_rate,
                o.at_edge,
                *o.loss,
                steps,
                steps * o.step_seconds,
                o.state_bytes,
                o.seconds,
                o.compile_seconds,
            ]
        )
    _write(file, lines)


def _write(file: Path, lines: list[list[Any]]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(lines)
