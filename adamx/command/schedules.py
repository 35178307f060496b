"""`adamx schedules`: list the schedules, or draw some."""

import argparse
import inspect
import sys
import textwrap
from pathlib import Path

from adamx import schedules
from adamx.command.expression import made
from adamx.command.options import Parser, check_writable, command_parser, count
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Schedule, is_schedule_builder

SCHEDULES = {
    name: thing for name, thing in vars(schedules).items() if is_schedule_builder(thing)
}


def parser() -> Parser:
    """Return the options of the command."""
    options = command_parser(
        "schedules",
        "List the schedules; or draw those that are given as the calls that make them, "
        "such as 'cosine_decay_schedule(0.1, 1000)'.",
    )
    options.add_argument("schedule", nargs="*", help="a call, as in repr of a schedule")
    options.add_argument("--steps", type=count, help="the last count of the picture")
    options.add_argument("--out", type=Path, help="the picture: .png, .svg, .pdf …")
    return options


def run(given: argparse.Namespace) -> int:
    """List, or draw and say what was written."""
    if not given.schedule:
        if given.steps or given.out:
            raise TransformError("--steps and --out need a schedule to draw")
        _list()
        return 0
    if given.steps is None or given.out is None:
        raise TransformError("a picture needs --steps and --out")
    drawn = [
        made(text, SCHEDULES, "schedule", Schedule, "linear_schedule(1, 0, 10)")
        for text in given.schedule
    ]
    check_writable(given.out.parent)
    _draw(drawn, given.steps, given.out)
    sys.stdout.write(f"wrote {given.out}\n")
    return 0


def _list() -> None:
    """Print each schedule, and the first sentence of its docstring."""
    width = max(map(len, SCHEDULES))
    for name, builder in sorted(SCHEDULES.items()):
        first = (inspect.getdoc(builder) or "").partition("\n")[0]
        sys.stdout.write(f"{name:<{width}}  {first}\n")


def _draw(drawn: list[Schedule], steps: int, file: Path) -> None:
    """Draw schedules into one picture."""
    ax = None
    for schedule in drawn:
        ax = schedules.plot(schedule, steps, ax)
    assert ax is not None
    known = ax.figure.canvas.get_supported_filetypes()
    if file.suffix.removeprefix(".") not in known:
        raise TransformError(
            f"--out: {file} is not the name of a picture",
            expected=", ".join(f".{suffix}" for suffix in sorted(known)),
        )
    labels = [textwrap.fill(line.get_label(), 90) for line in ax.lines]
    ax.legend(labels, fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1))
    file.parent.mkdir(parents=True, exist_ok=True)
    ax.figure.savefig(file, bbox_inches="tight")
