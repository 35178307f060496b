"""The habits of the house, kept by machinery."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import adamx
from adamx import schedules
from adamx.testing.public import public_names
from tests.places import ROOT
from tests.process import python
from tests.tiers import full

MYPY = ["--strict", "--follow-imports=silent", "--cache-dir", os.devnull]
NAMES = public_names()
PUBLIC = {
    f"{package}.{name}": thing
    for package, names in (("adamx", NAMES), ("adamx.schedules", vars(schedules)))
    for name, thing in names.items()
    # `adamx.Params` and its like, for annotations, are Any.
    if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing is not Any
}


def test_public_names_are_found():
    assert {"adamx.adam", "adamx.chain", "adamx.Transform"} <= set(PUBLIC)


REFERRED = re.compile(r"\bSee ((?:`\w+`(?:, | and )?)+) for the other\s+arguments\.")
NO_VERB = re.compile(
    r"(A|An|As|By|For|From|How|In|It|Of|The|This|What|Where|Whether|With)\b"
)


def documented(thing: Callable[..., object]) -> set[str]:
    """Return the arguments that the docstring of a function has a line for."""
    text = inspect.getdoc(thing) or ""
    args = re.search(r"^Args:\n((?: {4}.*\n|\n(?= {4}))+)", f"{text}\n", re.MULTILINE)
    lines = args[1] if args else ""
    return set(re.findall(r"^ {4}\*{0,2}(\w+): \S", lines, re.MULTILINE))


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_says_what_a_reader_needs(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing) or ""
    first, _, rest = text.partition("\n")
    assert first.endswith("."), "a summary of one line"
    assert not rest or rest.startswith("\n"), "an empty line below the summary"
    example = re.search(r"^Example:\n((?: {4}.*\n|\n)+)\Z", f"{text}\n", re.MULTILINE)
    assert example, "an example at the end"
    assert ">>> " in example[1]
    if inspect.isfunction(thing):
        assert not NO_VERB.match(first), "what it does, not what it is"
        parameters = set(inspect.signature(thing).parameters)
        found = documented(thing)
        assert found <= parameters, "lines for arguments that are not there"
        for names in REFERRED.findall(text):
            others = re.findall(r"`(\w+)`", names)
            elsewhere = {o: documented(getattr(adamx, o)) for o in others}
            for other, args in elsewhere.items():
                assert args & (parameters - found), f"`{other}` has none of the others"
            found = found.union(*elsewhere.values())
        assert not parameters - found, "arguments without a line"


def test_builders_have_a_dozen_arguments_at_most():
    """What is more belongs to a piece, which is an argument or a part of a chain."""
    functions = {k: f for k, f in PUBLIC.items() if inspect.isfunction(f)}
    many = {k: len(inspect.signature(f).parameters) for k, f in functions.items()}
    assert not {k: number for k, number in many.items() if number > 12}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["lint-imports", "--no-cache"],
        ["pyright", "--pythonpath", sys.executable],
        full(["mypy", *MYPY, "tests/user_script.py", "tests/optax/user_script.py"]),
    ],
    ids=lambda command: command[0] + command[1][:6],
)
def test_linters_are_content(command):
    program = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert program, f"{command[0]} is in the extra 'test'"
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_are_for_one_worker(request):
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there is one worker")
    assert request.node.nodeid.endswith("@together")


def test_run_time_needs_jax_alone():
    declared = {"jax", "jaxlib"}
    code = (
        "import sys, importlib.abc\n"
        "class Refuse(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'optax', 'chex', 'torch', 'keras'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import adamx\n"
        "tx = adamx.adam(1e-3); tx.update(1.0, tx.init(1.0))\n"
    )
    python("-c", code)
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(r"^dependencies = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert {re.match(r"[a-z]+", d)[0] for d in re.findall(r'"(.*?)"', found[1])} == (  # pyright: ignore
        declared
    )


def test_files_stay_small():
    long = {
        str(path): lines
        for path in (ROOT / "adamx").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_the_folders_of_tests_are_the_rooms_of_the_package():
    rooms = {path.parent.name for path in (ROOT / "adamx").glob("*/__init__.py")}
    tests = ROOT / "tests"
    folders = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}
    assert folders == rooms | {"project", "whole"}


def test_no_optimizer_has_a_moment_of_its_own():
    for path in (ROOT / "adamx" / "optimizers").glob("*.py"):
        text = path.read_text()
        assert "moving_average" not in text, path
        assert "class " not in text, path


def test_readme_has_the_command_that_ci_runs():
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"```sh\n(.*?)\n```", readme, re.DOTALL)
    assert len(commands) >= 2
    assert commands[1] in ci
