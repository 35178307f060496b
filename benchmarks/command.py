"""What the commands that measure have in common."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.document import replace


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options for where the numbers are written, and where they are read from."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", type=Path, help="write all the numbers here too")
    options.add_argument("--read", type=Path, help="show such numbers, measure nothing")
    options.add_argument("--write", type=Path, help="put the table into this document")
    return options


def tree_parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
    """Options for measuring the steps of optimizers on some trees."""
    options = parser(description)
    options.add_argument("--trees", default="", help="only trees with this in the name")
    options.add_argument("--stages", type=int, default=3, help="times to compile")
    options.add_argument("--repeats", type=int, default=repeats, help="rounds of steps")
    return options


def measure_each(
    names: Iterable[str], only: str, measure: Callable[[str], Any]
) -> dict[str, Any]:
    """Measure each name that contains `only`, and print which are done."""
    found = {}
    for name in names:
        if only in name:
            found[name] = measure(name)
            print(f"done: {name}", flush=True)
    return found


def publish(
    options: argparse.Namespace,
    name: str,
    measure: Callable[[], Any],
    report: Callable[[Any], str],
) -> None:
    """Measure or read, and show and write what came of it."""
    found = json.loads(options.read.read_text()) if options.read else measure()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    text = report(found)
    print(text)
    if options.write:
        replace(options.write, name, text)
