"""Try adamx on the other Pythons of this machine, and on the lowest jax.

    python -m tests.project.versions

Finds every Python that adamx supports on the PATH and in pyenv's folder. For each one
but the Python that runs this script, `tests/project/trial.py` runs in a fresh
environment with the newest jax that pip gives. On the lowest supported Python it runs
also with the lowest jax that `pyproject.toml` names. A Python that is not there is
reported, and is no error.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.places import ROOT

Version = tuple[int, int]


def dotted(version: Version) -> str:
    """Return a version as it is written, such as 3.11."""
    return ".".join(map(str, version))


class Trial(NamedTuple):
    """A Python, by its version and its program, and a jax; None is the newest."""

    version: Version
    program: str
    jax: str | None


def project() -> dict[str, Any]:
    """Return the table `project` of `pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def lowest_python() -> Version:
    """Return the lowest Python that pip installs adamx on."""
    major, minor = project()["requires-python"].removeprefix(">=").split(".")
    return int(major), int(minor)


def lowest_jax() -> str:
    """Return the lowest jax that pip installs beside adamx."""
    (found,) = (
        match.group(1)
        for line in project()["dependencies"]
        if (match := re.fullmatch(r"jax>=([\d.]+)", line))
    )
    return found


def classified() -> list[Version]:
    """Return the Pythons that the classifiers name."""
    found = re.findall(r":: Python :: 3\.(\d+)", "\n".join(project()["classifiers"]))
    return [(3, int(minor)) for minor in found]


def programs() -> Iterable[Path]:
    """Yield what may be a Python: names on the PATH, then those of pyenv."""
    for folder in os.get_exec_path():
        yield from sorted(Path(folder).glob("python3.[0-9]*"))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/*/bin/python"))


def version_of(program: Path) -> Version | None:
    """Return the version of a Python that can make environments, otherwise None.

    Skips shims of pyenv that do not run, Pythons without pip, and what is no Python,
    such as python3.11-config.
    """
    if not re.fullmatch(r"python(3\.\d+)?", program.name):
        return None
    code = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [program, "-c", code], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = map(int, done.stdout.split())
    return major, minor


def pythons(found: Iterable[Path]) -> dict[Version, str]:
    """Return the first program of each supported version."""
    first: dict[Version, str] = {}
    for program in found:
        version = version_of(program)
        if version is not None and version >= lowest_python():
            first.setdefault(version, str(program))
    return dict(sorted(first.items()))


def trials(found: dict[Version, str]) -> list[Trial]:
    """Return what is tried: the other Pythons, and the lowest jax on the lowest."""
    here, lowest = sys.version_info[:2], lowest_python()
    newest = [Trial(v, program, None) for v, program in found.items() if v != here]
    if lowest in found:
        return [Trial(lowest, found[lowest], lowest_jax()), *newest]
    return newest


def run(command: list[Any], folder: Path) -> str:
    """Return what a command prints, without a PYTHONPATH that leads to the checkout."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout.strip())
    return done.stdout.strip()


def tried(trial: Trial, wheel: Path, folder: Path) -> tuple[str, bool]:
    """Run the trial in a fresh environment; return what to print, and if it passed."""
    start = time.monotonic()
    name, which = dotted(trial.version), trial.jax or "the newest"
    home = folder / f"{name}-{trial.jax}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    jax = [f"{x}=={trial.jax}" for x in ("jax", "jaxlib")] if trial.jax else ["jax"]
    code = "import jax, platform; print(platform.python_version(), jax.__version__)"
    try:
        run([trial.program, "-m", "venv", home], folder)
        run([python, "-m", "pip", "install", "-q", *jax, f"{wheel}[laws]"], folder)
        name, which = run([python, "-c", code], folder).split()[-2:]
        trial_file = ROOT / "tests" / "project" / "trial.py"
        result, passed = run([python, trial_file], folder), True
    except RuntimeError as error:
        result, passed = f"FAILED\n{error}", False
    seconds = round(time.monotonic() - start)
    return f"Python {name}, jax {which}, {seconds} s: {result}", passed


def build(folder: Path, *options: str) -> Path:
    """Build a wheel of the checkout, with these options of pip."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder]
    subprocess.run([*command, *options, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> int:
    """Try all; print a line for each, and how many passed."""
    found = pythons(programs())
    for version in sorted({*classified()} - {*found}):
        print(f"Python {dotted(version)}: not on this machine")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))

        def one(trial: Trial) -> tuple[str, bool]:
            return tried(trial, wheel, Path(folder))

        with ThreadPoolExecutor(2) as pool:
            for text, ok in pool.map(one, trials(found)):
                print(text, flush=True)
                passed, failed = passed + ok, failed + (not ok)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
