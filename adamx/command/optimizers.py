"""`adamx optimizers`: list the optimizers, by family or by a word.

The list is `optimizers.csv`, which `python -m benchmarks.catalogue` writes.
"""

import argparse
import csv
import functools
import os
import sys
from pathlib import Path

from adamx.command.options import Parser, command_parser
from adamx.errors import TransformError, nearest
from adamx.inspect.table import Column, text

FILE = Path(__file__).with_name("optimizers.csv")

COLUMNS = {
    "optimizer": "optimizer",
    "family": "family",
    "state": "state",
    "reference": "reference",
    "arxiv": "arXiv",
    "held against": "tested against",
    "away": "deviation",
}
"""The columns of the file in the order of the table, with their titles there."""


def parser() -> Parser:
    """Return the options of the command."""
    options = command_parser(
        "optimizers",
        "List the optimizers. The state is in bytes for each float32 parameter of a "
        "matrix of 1,024 by 4,096; with a plus, it is that of a wrapper without the "
        "inner transform. The deviation is the largest from the implementation that "
        "the optimizer is tested against, in float64, as a share of the largest step.",
    )
    options.add_argument("word", nargs="*", help="show rows that have all these words")
    options.add_argument("--family", help=", ".join(families()))
    return options


@functools.cache
def read() -> list[dict[str, str]]:
    """Return the rows of the list."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return [*csv.DictReader(stream)]


def families() -> list[str]:
    """Return the families, in the order of the list."""
    return [*dict.fromkeys(row["family"] for row in read())]


def run(given: argparse.Namespace) -> int:
    """Print the rows that are asked for."""
    rows = read()
    if given.family is not None:
        rows = _of_family(rows, given.family)
    found = [row for row in rows if all(_has(row, word) for word in given.word)]
    if not found:
        names = [row["optimizer"] for row in rows]
        raise TransformError(
            f"no optimizer has {' and '.join(map(repr, given.word))}",
            hint=nearest(given.word[0], names),
        )
    columns = [Column(title, name == "state") for name, title in COLUMNS.items()]
    cells = [[row[name] for name in COLUMNS] for row in found]
    lines = text(columns, cells, total=False).splitlines()
    if sys.stdout.isatty():
        width = os.get_terminal_size().columns
        lines = [line[:width] for line in lines]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _of_family(rows: list[dict[str, str]], family: str) -> list[dict[str, str]]:
    """Return the rows of a family, whatever the case of its name."""
    found = [row for row in rows if row["family"].casefold() == family.casefold()]
    if not found:
        known = families()
        raise TransformError(
            f"there is no family {family!r}",
            expected=", ".join(known),
            hint=nearest(family, known),
        )
    return found


def _has(row: dict[str, str], word: str) -> bool:
    return any(word.casefold() in cell.casefold() for cell in row.values())
