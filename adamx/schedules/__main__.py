"""Draw schedules, given as the calls that make them.

python -m adamx.schedules "warmup_cosine_decay_schedule(0, 1e-3, 100, 1000)" \
    --steps 1200 --out rate.png
"""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from adamx import schedules
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import is_schedule_builder
from adamx.schedules.parse import Builders, parse

BUILDERS: Builders = {
    name: thing for name, thing in vars(schedules).items() if is_schedule_builder(thing)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw what the command line says; 2 with a message where it cannot be drawn."""
    doc = (__doc__ or "").partition("\n")[0]
    options = argparse.ArgumentParser("python -m adamx.schedules", description=doc)
    options.add_argument("schedule", nargs="+", help="a call, as in repr of a schedule")
    options.add_argument("--steps", type=int, required=True, help="the last count")
    options.add_argument("--out", type=Path, required=True, help=".png, .svg, .pdf …")
    given = options.parse_args(arguments)
    ax = None
    try:
        for text in given.schedule:
            ax = schedules.plot(parse(text, BUILDERS), given.steps, ax)
    except TransformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    assert ax is not None
    labels = [textwrap.fill(line.get_label(), 90) for line in ax.lines]
    ax.legend(labels, fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1))
    ax.figure.savefig(given.out, bbox_inches="tight")
    return 0


if __name__ == "__main__":
    sys.exit(main())
