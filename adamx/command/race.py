"""`adamx race`: compare optimizers on a task."""

import argparse
import importlib
import sys
from pathlib import Path

from adamx.command.options import (
    INTERRUPTED,
    Parser,
    check_writable,
    code_of_user,
    command_parser,
    count,
    finite,
    positive,
)
from adamx.racing.extras import extras
from adamx.racing.race import USUAL, race
from adamx.racing.schedule import SCHEDULES
from adamx.racing.table import show
from adamx.racing.tasks import TASKS, find_task


def parser() -> Parser:
    """Return the options of the command."""
    options = command_parser(
        "race",
        "Run optimizers on a task, each with the same number of learning rates around "
        "its default, the same steps, seeds and batches; then show a table and write "
        "it, pictures and a page.",
    )
    options.add_argument(
        "--task",
        default="digits",
        help=f"{', '.join(TASKS)}; or package.module:function, which makes your own",
    )
    options.add_argument(
        "--optimizers",
        default=",".join(USUAL),
        help="names with commas between, or calls: 'adam,sgd(momentum=0.99)'",
    )
    options.add_argument(
        "--steps", type=count, help="of each run (default: the task's)"
    )
    options.add_argument(
        "--rates", type=count, default=9, help="for each optimizer (%(default)s)"
    )
    options.add_argument(
        "--decades",
        type=positive,
        default=4.0,
        help="powers of ten they span (%(default)g)",
    )
    options.add_argument(
        "--seeds", type=count, default=3, help="how many (%(default)s)"
    )
    options.add_argument("--schedule", default="constant", help=", ".join(SCHEDULES))
    options.add_argument(
        "--grid",
        action="append",
        default=[],
        type=_grid,
        metavar="NAME=RATE,RATE,...",
        help="the rates of one optimizer, as many as the others have",
    )
    options.add_argument("--target", type=finite, help="the loss to reach")
    options.add_argument(
        "--output", type=Path, help="folder for what it writes (race/TASK)"
    )
    options.add_argument(
        "--resume", action="store_true", help="go on with the race in that folder"
    )
    options.add_argument("--quiet", action="store_true", help="no progress bars")
    return options


def _grid(text: str) -> tuple[str, list[float]]:
    name, _, rates = text.rpartition("=")
    try:
        return name, [finite(rate) for rate in rates.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=RATE,RATE") from None


def run(given: argparse.Namespace) -> int:
    """Race, show the table, and say what was written."""
    folder = given.output or Path("race") / given.task.rpartition(":")[2]
    check_writable(folder)
    with extras():  # what the report needs, before any work
        for package in ("jinja2", "matplotlib", "rich"):
            importlib.import_module(package)
    with code_of_user(given.task):
        task = find_task(given.task)
    before = _times(folder)
    result = race(
        task,
        given.optimizers,
        steps=given.steps,
        rates=given.rates,
        decades=given.decades,
        seeds=given.seeds,
        schedule=given.schedule,
        grids=dict(given.grid),
        target=given.target,
        folder=folder,
        resume=given.resume,
        progress=not given.quiet,
    )
    show(result)
    new = sorted(file.name for file, _ in _times(folder) - before)
    sys.stdout.write(f"wrote {', '.join(new)} to {folder}\n")
    return INTERRUPTED if result.waiting else 0


def _times(folder: Path) -> set[tuple[Path, int]]:
    """Return the files in a folder, and when each was written."""
    files = folder.iterdir() if folder.exists() else ()
    return {(file, file.stat().st_mtime_ns) for file in files}
