"""Race optimizers of matrices on a language model: python -m benchmarks.language_model.

    python -m benchmarks.language_model                        # an hour on two cores
    python -m benchmarks.language_model --write docs/techniques/matrices.md

Each has the same number of learning rates around its documented default, and the same
steps, starts and batches. What is in the folder is not run again, so that a race can be
broken off, and entrants can be added. Steps are timed at the end, for one optimizer
after the other in several rounds: whatever else the machine does falls on all of them.
With --rounds 0 they are not, and the table has no times.
"""

import argparse
import dataclasses
import shutil
import statistics
from pathlib import Path

from tabulate import tabulate

import adamx
from adamx.racing import Race
from adamx.racing.entrants import find_entrants
from adamx.racing.heat import Heat
from adamx.racing.report import report
from adamx.racing.table import caveats, rows
from adamx.racing.tasks import find_task
from benchmarks.document import replace

TASK = "text"
OPTIMIZERS = (
    "adamw, lion, schedule_free_adamw, muon(consistent_rms=0.2), "
    "normuon(consistent_rms=0.2), scion, soap, shampoo, psgd_kron"
)
PICTURES = Path(__file__).parents[1] / "docs" / "pictures" / "language_model"


def timed(race: Race, optimizers: str, rounds: int) -> Race:
    """The race with the time of a step of each, measured in turns."""
    task = find_task(TASK)
    steps = race.settings["steps"]
    heats = {e.name: Heat(task, e, steps) for e in find_entrants(optimizers)}
    times: dict[str, list[float]] = {name: [] for name in heats}
    rates = {outcome.name: outcome.best_rate for outcome in race.outcomes}
    for _ in range(rounds):
        for name, heat in heats.items():
            times[name].append(heat.alone(rates[name], seed=0, repeats=1))
    outcomes = [
        dataclasses.replace(o, step_seconds=statistics.median(times[o.name]))
        for o in race.outcomes
    ]
    return dataclasses.replace(race, outcomes=outcomes)


def table(race: Race, with_times: bool) -> str:
    """The table and what to know when reading it, as Markdown."""
    step = {o.name: f"{1e3 * o.step_seconds:.3g} ms" for o in race.outcomes}
    found = [row | {"a step": step[row["optimizer"]]} for row in rows(race)]
    for row in found:
        row["optimizer"] = f"`{row['optimizer']}`"
        if not with_times:
            del row["time to target"], row["a step"]
    versions = ", ".join(f"{name} {version}" for name, version in race.versions.items())
    shown = tabulate(found, "keys", tablefmt="github", disable_numparse=True)
    known = [x for x in caveats(race) if with_times or not x.startswith("The time")]
    notes = "\n".join(f"- {line}" for line in known)
    return f"adamx {adamx.__version__}, {versions}\n\n{shown}\n\n{notes}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("race") / TASK)
    parser.add_argument("--optimizers", default=OPTIMIZERS)
    parser.add_argument("--steps", type=int, help="of each run; the task's by default")
    parser.add_argument("--rates", type=int, default=7)
    parser.add_argument("--decades", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5, help="of timing steps")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    parser.add_argument("--write", type=Path, help="put the table into this document")
    options = parser.parse_args()
    race = adamx.race(
        TASK,
        options.optimizers,
        steps=options.steps,
        rates=options.rates,
        decades=options.decades,
        seeds=options.seeds,
        folder=options.folder,
        resume=True,
    )
    if options.rounds:
        race = timed(race, options.optimizers, options.rounds)
        race.write(options.folder)
        report(race, options.folder)
    text = table(race, with_times=options.rounds > 0)
    print(text)
    if options.write:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for name in ("curves.png", "rates.png"):
            shutil.copy(options.folder / name, options.pictures / name)
        replace(options.write, "benchmarks.language_model", text)


if __name__ == "__main__":
    main()
