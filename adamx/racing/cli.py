"""The command `adamx`, with `adamx race` for its only part so far."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from adamx.errors import TransformError
from adamx.racing.race import USUAL, race
from adamx.racing.schedule import SCHEDULES
from adamx.racing.tasks import TASKS

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    command = argparse.ArgumentParser("adamx", description="optimizers for JAX")
    parts = command.add_subparsers(required=True, metavar="command")
    options = parts.add_parser(
        "race",
        help="compare optimizers on a task",
        description="Run optimizers on a task, each with the same number of learning "
        "rates around its default, the same steps, seeds and batches; then show a "
        "table and write it, pictures and a page.",
    )
    options.set_defaults(run=run)
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
    options.add_argument("--steps", type=int, help="of each run (default: the task's)")
    options.add_argument("--rates", type=int, default=9, help="for each optimizer (9)")
    options.add_argument(
        "--decades", type=float, default=4.0, help="powers of ten they span (4)"
    )
    options.add_argument("--seeds", type=int, default=3, help="how many (3)")
    options.add_argument("--schedule", default="constant", help=", ".join(SCHEDULES))
    options.add_argument(
        "--grid",
        action="append",
        default=[],
        type=_grid,
        metavar="NAME=RATE,RATE,...",
        help="the rates of one optimizer, as many as the others have",
    )
    options.add_argument("--target", type=float, help="the loss that counts as reached")
    options.add_argument(
        "--output", type=Path, help="folder for what it writes (race/TASK)"
    )
    options.add_argument(
        "--resume", action="store_true", help="go on with the race in that folder"
    )
    options.add_argument("--quiet", action="store_true", help="no progress bars")
    return command


def _grid(text: str) -> tuple[str, list[float]]:
    name, _, rates = text.rpartition("=")
    try:
        return name, [float(rate) for rate in rates.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=RATE,RATE") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 2 with a message where it cannot be done."""
    # A task of the user's own is looked for where the command is given.
    sys.path.insert(0, "")
    given = parser().parse_args(arguments)
    try:
        return given.run(given)
    except (TransformError, ModuleNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted before any optimizer had finished\n")
        return INTERRUPTED
    finally:
        sys.path.remove("")


def run(given: argparse.Namespace) -> int:
    """Return `adamx race`."""
    from adamx.racing.table import show

    folder = given.output or Path("race") / given.task.rpartition(":")[2]
    result = race(
        given.task,
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
    sys.stdout.write(f"all of it: {folder / 'race.html'}\n")
    return INTERRUPTED if result.waiting else 0
