"""Break the library on purpose, and print which tests notice.

    python -m tests.mutations                          # all of them
    python -m tests.mutations Kahan "wrong axis"       # names with these words
    python -m tests.mutations --write CONTRIBUTING.md

Each mutation of `tests/mutants.py` is written into a copy of the tree, and the tests
that it names are run there: the quick ones, which are those of the README's command;
then, if all of them pass, the thorough ones (`-m full`). In the end every test that has
failed runs without a mutation, and must pass.
"""

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks.command import parser, publish
from tests.mutants import MUTATIONS, Mutation
from tests.places import ROOT

TIERS = {"quick": "not full", "thorough": "full"}
"""The marks that select the tests of each tier."""

LEFT_OUT = (".*", "__pycache__", "build", "shared")
"""What no test needs, by name. `.ci` is copied all the same."""

PATIENCE = 900
"""How many seconds a test run may take."""

ALL_PASSED, NOTHING_SELECTED = 0, 5
"""Exit codes of pytest."""


class Found(NamedTuple):
    """What came of a mutation."""

    tier: str | None
    """The tier that noticed it; None if neither did."""
    test: str
    """The first test that failed."""
    seconds: float


def copied(root: Path, folder: Path) -> Path:
    """Copy what the tests need, and return the copy; compiled programs are shared."""
    tree, programs = folder / "adamx", root / ".jax_cache"
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(root / ".ci", tree / ".ci")
    programs.mkdir(exist_ok=True)
    (tree / programs.name).symlink_to(programs)
    return tree


def mutated(mutation: Mutation, root: Path = ROOT) -> str:
    """Return the text of the file with the mutation in it.

    Raises:
        ValueError: the old text is not in the file, or more than once.
    """
    text = (root / "adamx" / mutation.file).read_text()
    if (number := text.count(mutation.old)) != 1:
        place = f"{number} times in adamx/{mutation.file}"
        raise ValueError(f"{mutation.name}: the old text stands {place}")
    return text.replace(mutation.old, mutation.new)


def failing(tree: Path, tests: Sequence[str], marks: str) -> str | None:
    """Run tests, and return the first that fails; None if none does.

    Raises:
        LookupError: no test is selected.
        RuntimeError: pytest cannot run.
        TimeoutExpired: the tests do not end.
    """
    kept = tree / ".pytest_cache"
    shutil.rmtree(kept, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", marks, *tests]
    options = {"capture_output": True, "text": True, "timeout": PATIENCE}
    done = subprocess.run(command, cwd=tree, check=False, **options)
    if done.returncode == ALL_PASSED:
        return None
    if done.returncode == NOTHING_SELECTED:
        raise LookupError(f"no test of {shlex.join(tests)} is {marks}")
    file = kept / "v" / "cache" / "lastfailed"
    found = json.loads(file.read_text()) if file.exists() else {}
    if not found:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return next(iter(found))


def tried(mutation: Mutation, tree: Path) -> Found:
    """Apply a mutation to the tree, run its tests, and take it back.

    Raises:
        LookupError: neither tier has a test that the mutation names.
    """
    file = tree / "adamx" / mutation.file
    whole, start, tests = file.read_text(), time.perf_counter(), None
    selected = False
    try:
        put(file, mutated(mutation, tree))
        for tier, marks in TIERS.items():
            try:
                tests = failing(tree, shlex.split(mutation.tests), marks)
                selected = True
            except LookupError:
                continue
            if tests:
                return Found(tier, tests, time.perf_counter() - start)
    finally:
        put(file, whole)
    if not selected:
        raise LookupError(f"{mutation.name}: no test is selected by {mutation.tests}")
    return Found(None, "", time.perf_counter() - start)


def put(file: Path, text: str) -> None:
    """Write a module, and drop what Python compiled: it looks at whole seconds only."""
    file.write_text(text)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def measured(wanted: Sequence[Mutation]) -> dict[str, Found]:
    """Try mutations in one copy of the tree, and return what came of each, by name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(ROOT, Path(folder))
        for mutation in wanted:
            mutated(mutation, tree)  # all of them fit, before minutes pass
        for mutation in wanted:
            one = found[mutation.name] = tried(mutation, tree)
            tier = one.tier or "NOT FOUND"
            say(f"{tier}: {mutation.name}: {one.test} ({one.seconds:.0f} s)")
        noticed = sorted({one.test for one in found.values() if one.test})
        if noticed and (broken := failing(tree, noticed, "")):
            raise SystemExit(f"{broken} fails without a mutation too")
    return found


def report(found: Mapping[str, Sequence[Any]]) -> str:
    """Return the table as Markdown, and how many of the mutations each tier found."""
    known = {name: Found(*one) for name, one in found.items()}
    files = {mutation.name: mutation.file for mutation in MUTATIONS}
    rows = [
        [
            name,
            f"`{files[name]}`",
            one.tier or "**not found**",
            f"`{one.test.removeprefix('tests/')}`" if one.test else "",
        ]
        for name, one in known.items()
    ]
    head = ["mutation", "file in `adamx/`", "found by", "first test that fails"]
    table = tabulate(rows, head, tablefmt="github", disable_numparse=True)
    tiers = [one.tier for one in known.values()]
    quick, both = tiers.count("quick"), len(tiers) - tiers.count(None)
    return (
        f"The quick tests find {quick} of {len(tiers)}, both tiers together {both}.\n\n"
        f"{table}"
    )


def chosen(words: Sequence[str]) -> list[Mutation]:
    """Return the mutations whose names contain one of the words; all, for no words."""
    if not words:
        return [*MUTATIONS]
    return [m for m in MUTATIONS if any(word in m.name for word in words)]


def main() -> None:
    """Try the mutations, and show and write what came of them."""
    command = parser(__doc__)
    command.add_argument("names", nargs="*", help="parts of names of mutations")
    options = command.parse_args()
    wanted = chosen(options.names)
    if not wanted:
        command.error(f"no mutation has one of {options.names} in its name")
    publish(options, "tests.mutations", lambda: measured(wanted), report)


def say(text: str) -> None:
    """Print at once, as a run takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
