"""The parts of README.md that follow from other tables: python -m benchmarks.readme.

Nothing is measured here: the ratios are those of docs/benchmarks.md, which
`benchmarks.step` writes.
"""

import re
from pathlib import Path

from benchmarks.catalogue import FAMILIES
from benchmarks.document import replace

ROOT = Path(__file__).parents[1]

SHOWN = {
    "trace": "trace",
    "compile": "compile",
    "step": "step",
    "eager": "eager update",
}
"""The quantities of the table, and what they are called here."""


def speed() -> str:
    """The ratios to Optax, a row for each tree of parameters."""
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    part = text.partition("<!-- begin: benchmarks.step -->\n")[2]
    part = part.partition("\n<!-- end: benchmarks.step -->")[0]
    versions, _, table = part.partition("\n\n")
    head, _, *rows = (
        [c.strip() for c in r.split("|")[1:-1]] for r in table.splitlines()
    )
    ratio, tree, found = head.index("ratio"), "", {}
    for row in rows:
        tree = row[0] or tree
        found.setdefault(tree, {})[row[1]] = row[ratio].partition(" ")[0]
    lines = [f"| parameters | {' | '.join(SHOWN.values())} |", "|---" * 5 + "|"]
    for tree, ratios in found.items():
        lines.append(f"| {tree} | {' | '.join(ratios[q] for q in SHOWN)} |")
    known = re.sub(r", torch \S+,", ",", versions)
    return "\n".join([*lines, "", f"({known})"])


def optimizers() -> str:
    """The names, by family."""
    rows = (
        f"| {family} | {', '.join(f'`{name}`' for name in names.split())} |"
        for family, names in FAMILIES.items()
    )
    return "\n".join(["| family | |", "|---|---|", *rows])


PARTS = {"speed": speed, "optimizers": optimizers}


def main() -> None:
    """Write all parts."""
    for name, part in PARTS.items():
        replace(ROOT / "README.md", f"benchmarks.readme {name}", part())


if __name__ == "__main__":
    main()
