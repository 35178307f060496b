"""Put what the examples print and draw on their page: python -m benchmarks.examples.

    python -m benchmarks.examples [name ...]

Each is run as a reader would run it. Pictures go to docs/pictures/examples, and what
is printed to docs/examples.md and its translation; `tests/project/test_examples.py`
compares it with what the examples print now.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.document import replace

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "docs" / "examples.md", ROOT / "docs" / "zh" / "examples.md"]
PICTURES = ROOT / "docs" / "pictures" / "examples"

HEAD, TAIL = 20, 8
"""Lines shown of a long output: from its beginning, and from its end."""


def names() -> list[str]:
    """Return the names of the examples: files of the folder that have a `main`."""
    files = sorted(EXAMPLES.glob("*.py"))
    return [file.stem for file in files if "\ndef main(" in file.read_text()]


def shown(out: str, folder: Path) -> str:
    """Return the block for the page: the output, shortened if it is long.

    Args:
        out: what an example printed.
        folder: where it put its pictures, which the page calls by their default.
    """
    lines = out.replace(f"{folder}/", "examples/output/").splitlines()
    if len(lines) > HEAD + TAIL + 1:
        left_out = len(lines) - HEAD - TAIL
        lines = [*lines[:HEAD], f"… {left_out} more lines …", *lines[-TAIL:]]
    return "\n".join(["```text", *lines, "```"])


def on_page(name: str, page: Path) -> str:
    """Return the block that a page has for an example."""
    found = re.search(
        rf"<!-- begin: {name} -->\n(.*?)\n<!-- end: {name} -->",
        page.read_text(),
        re.DOTALL,
    )
    if not found:
        raise ValueError(f"{page} has no marks for the example {name}")
    return found[1]


def main(argv: list[str] | None = None) -> None:
    """Run the examples that are named, or all."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("names", nargs="*", help=f"of {', '.join(names())}")
    for name in options.parse_args(argv).names or names():
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, EXAMPLES / f"{name}.py", "--output", folder],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            for page in PAGES:
                replace(page, name, shown(done.stdout, Path(folder)))
            PICTURES.mkdir(parents=True, exist_ok=True)
            for picture in sorted(Path(folder).glob("*.png")):
                print(shutil.copy(picture, PICTURES))


if __name__ == "__main__":
    main()
