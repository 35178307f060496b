"""The habits of the house, kept by machinery."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import adamx
from tests.places import ROOT

PUBLIC = {
    f"{module.__name__}.{name}": thing
    for module in (adamx, adamx.schedules)
    for name, thing in vars(module).items()
    if inspect.isfunction(thing) or inspect.isclass(thing)
}


def test_public_names_are_found():
    assert {"adamx.adam", "adamx.chain", "adamx.Transform"} <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_says_shapes_dtypes_errors_and_source(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing) or ""
    sections = set(re.findall(r"^(\w+):$", text, re.MULTILINE))
    assert {"Reference", "Example"} <= sections, sections
    assert ">>> " in text
    if inspect.isfunction(thing):
        assert {"Returns", "Raises"} <= sections, sections
        if inspect.signature(thing).parameters:
            assert "Args" in sections
        # What it takes or gives, as a shape, a dtype, or as being like something else.
        words = r"shape|scalar|dtype|float|state|like|number|array"
        body = text.split("Reference:")[0].partition("\n")[2]
        assert re.search(words, body), "no shapes or dtypes"
        for name in inspect.signature(thing).parameters:
            assert re.search(rf"^\s+\*{{0,2}}{name}:", text, re.MULTILINE), name


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["lint-imports", "--no-cache"],
        ["pyright", "--pythonpath", sys.executable],
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
    subprocess.run([sys.executable, "-c", code], check=True)
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
