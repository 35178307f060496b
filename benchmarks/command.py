"""What the commands that measure have in common."""

import argparse
import json
from collections.abc import Callable
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
