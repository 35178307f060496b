"""Run the code of pages of the documentation, as their reader would.

    python -m tests.pages docs/tour.md      # writes what is printed into the page

A plain block right behind a block of Python is what that one prints.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

from adamx import TransformError

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```(?:text)?\n(?P<output>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def blocks(text: str) -> list[tuple[str, str | None]]:
    """The blocks of a page, each with the output that the page shows, if any."""
    return [(found["code"], found["output"]) for found in BLOCK.finditer(text)]


def run(code: str, names: dict[str, Any]) -> str:
    """What a block prints; its last word may be an error of ours."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(code, names)
        except TransformError as error:
            out.write(f"TransformError: {error}\n")
    return out.getvalue()


def written(text: str) -> str:
    """The page with what its blocks print."""
    names: dict[str, Any] = {"__name__": "page"}

    def block(found: re.Match[str]) -> str:
        output = run(found["code"], names)
        shown = f"\n```\n{output}```\n" if output else ""
        return f"```python\n{found['code']}```\n{shown}"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    # As for the tests; it is read when jax first looks for devices.
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(written(page.read_text()))
