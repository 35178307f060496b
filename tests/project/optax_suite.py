"""Run Optax's own tests with `adamx.optax` in Optax's place.

    python -m tests.project.optax_suite                       # all files
    python -m tests.project.optax_suite --only alias --every 10
    python -m tests.project.optax_suite --only combine --traceback

Optax's wheel has its tests. Each file is run in a process of its own. There every name
that a test imports from Optax, from private modules too, is the one of `adamx.optax`,
if that has one of adamx. `optax_known.py` has the tests that may fail, with the cause.
The command returns 1 if another one fails, or if an entry there is no longer needed.
"""

import argparse
import builtins
import functools
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import types
import unittest
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tests.places import ROOT
from tests.project.optax_known import KNOWN

MODULES = "", ".contrib", ".schedules", ".transforms"
"""The namespaces of Optax in which adamx has names of its own."""

SECONDS = 60
"""How long the tests of one file may take; what is left over is not tried."""


WHOLE = "all tests were run"


class Outcome(NamedTuple):
    """A test, and its error; empty if it passed."""

    test: str
    error: str


def source(module: str) -> Path:
    """Return the file of a module of Optax."""
    found = importlib.util.find_spec(module)
    assert found is not None
    return Path(str(found.origin))


def files_of_tests() -> list[str]:
    """Return Optax's modules of tests."""
    folder = source("optax").parent
    paths = sorted(folder.rglob("*_test.py"))
    return [".".join(p.relative_to(folder.parent).with_suffix("").parts) for p in paths]


def replacements() -> dict[int, Any]:
    """Return things of adamx by the identity of Optax's thing in whose place it is."""
    found: dict[int, Any] = {}
    for module in MODULES:
        ours = importlib.import_module(f"adamx.optax{module}")
        theirs = importlib.import_module(f"optax{module}")
        for name, (origin, _) in vars(ours)["__deferred__"].items():
            thing = getattr(theirs, name, None)
            # Types for annotations, such as Union, are the same for a test.
            named = hasattr(thing, "__name__") or isinstance(thing, functools.partial)
            if named and not origin.startswith("optax"):
                found[id(thing)] = getattr(ours, name)
    return found


class Proxy(types.ModuleType):
    """A module of Optax as a test sees it."""

    def __init__(self, module: types.ModuleType, replaced: dict[int, Any]) -> None:
        super().__init__(module.__name__)
        self.real, self.replaced = module, replaced

    def __getattr__(self, name: str) -> Any:
        thing = getattr(self.real, name)
        if isinstance(thing, types.ModuleType) and thing.__name__.startswith("optax"):
            return Proxy(thing, self.replaced)
        return self.replaced.get(id(thing), thing)


def loaded(name: str) -> types.ModuleType:
    """Return a module of tests that sees proxies of Optax's modules."""
    replaced = replacements()
    file = source(name)

    def import_(module: str, *args: Any) -> Any:
        found = builtins.__import__(module, *args)
        if module.partition(".")[0] == "optax":
            return Proxy(found, replaced)
        return found

    made = types.ModuleType(name)
    made.__file__ = str(file)
    vars(made)["__builtins__"] = {**vars(builtins), "__import__": import_}
    sys.modules[name] = made
    exec(compile(file.read_text("utf-8"), file, "exec"), vars(made))
    return made


def each(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    """Return the tests of a suite, in order."""
    found: list[unittest.TestCase] = []
    for test in suite:
        found += each(test) if isinstance(test, unittest.TestSuite) else [test]
    return found


def run_here(name: str, every: int, traceback: bool) -> None:
    """Run each n-th test of one file; print an `Outcome` as JSON for each."""
    from absl import flags

    flags.FLAGS(["optax_suite"])
    tests = each(unittest.defaultTestLoader.loadTestsFromModule(loaded(name)))
    begin = time.monotonic()
    chosen = tests[::every]
    # In an order in which each part of it is spread over the file.
    step = next(n for n in (7, 11, 13, 17) if len(chosen) % n)
    for i in range(len(chosen)):
        test = chosen[i * step % len(chosen)]
        if time.monotonic() - begin > SECONDS:
            return
        result = unittest.TestResult()
        test.run(result)
        wrong = result.errors + result.failures
        text = wrong[0][1].strip() if wrong else ""
        short = name.removeprefix("optax.").removesuffix("_test")
        test_id = f"{short}.{test.id().removeprefix(name + '.')}"
        print(json.dumps(Outcome(test_id, text if traceback else last_line(text))))
        sys.stdout.flush()
    if every == 1:
        print(WHOLE)


def last_line(text: str) -> str:
    """Return the line of a traceback that has the error."""
    lines = [x for x in text.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", x)]
    return lines[-1] if lines else text[-200:].replace("\n", " ")


def run(name: str, every: int, traceback: bool) -> tuple[list[Outcome], bool]:
    """Run the tests of one file in another process; return whether all were run."""
    command = [sys.executable, "-m", __spec__.name, "--file", name]
    command += ["--every", str(every), *(["--traceback"] if traceback else [])]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [Outcome(*json.loads(x)) for x in done.stdout.splitlines() if x[:1] == "["]
    if done.returncode:
        found.append(Outcome(name, f"Error: {done.stderr[-300:]}"))
    return found, WHOLE in done.stdout.splitlines()


def cause(test: str) -> str | None:
    """Return why a test may fail, if it may."""
    return next((why for why, tests in KNOWN if re.fullmatch(tests, test)), None)


def stale(outcomes: list[Outcome]) -> list[str]:
    """Return the entries of `KNOWN` of which tests were run and none failed."""
    found = []
    for _, tests in KNOWN:
        errors = [x.error for x in outcomes if re.fullmatch(tests, x.test)]
        if errors and not any(errors):
            found.append(tests)
    return found


def main() -> int:
    """Run the files; return 1 if a test fails that is not known to, or the reverse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="files with this in their name")
    parser.add_argument("--every", type=int, default=1, help="run each n-th test")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", help="print whole errors")
    options = parser.parse_args()
    if options.file:
        run_here(options.file, options.every, options.traceback)
        return 0
    counts: Counter[str] = Counter()
    every: list[Outcome] = []  # of files of which all tests were run
    for name in files_of_tests():
        if options.only not in name:
            continue
        begin = time.monotonic()
        outcomes, whole = run(name, options.every, options.traceback)
        every += outcomes if whole else []
        failed = [x for x in outcomes if x.error]
        counts["passed"] += len(outcomes) - len(failed)
        seconds = time.monotonic() - begin
        counted = f"{len(outcomes) - len(failed)} pass, {len(failed)} fail"
        counted += "" if whole else ", others not run"
        print(f"{name}: {counted}, {seconds:.0f} s", flush=True)
        for outcome in failed:
            why = cause(outcome.test)
            counts[why or "failed for no known cause"] += 1
            if why is None or options.traceback:
                print(f"  {outcome.test}: {outcome.error}")
    for why, number in counts.most_common():
        print(f"{number:6} {why}")
    unneeded = stale(every)
    for tests in unneeded:
        print(f"no longer fails: {tests}")
    return 1 if unneeded or counts["failed for no known cause"] else 0


if __name__ == "__main__":
    sys.exit(main())
