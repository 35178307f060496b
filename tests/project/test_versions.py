"""adamx works on the Pythons and jax that it names, and installs as it says."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import adamx
from adamx.extras import needed_for
from adamx.testing.public import public_codecs
from tests.places import ROOT
from tests.process import python
from tests.project import versions
from tests.storage import test_storage

NOT_PUBLIC = re.compile(r"jax\.(_src|experimental|extend|interpreters|lib)\b")
"""The parts of jax that may change from one jax to the next."""

REASONS = {
    "adamx/interop/rehearse.py": {
        "jax.interpreters.partial_eval.dce_jaxpr": "jax has no public function that "
        "says which inputs an output depends on",
    },
    "adamx/kernels/chunks.py": {
        "jax.experimental.pallas": "Pallas is nowhere else",
        "jax.extend.core.jaxpr_as_fun": "a kernel may not close over arrays, so that "
        "the traced program gets them as arguments",
    },
    "adamx/numerics/x64.py": {
        "jax.experimental.enable_x64": "jax 0.7 has no jax.enable_x64",
    },
}
"""Why each name from such a part is used, by file."""


def names(node: ast.AST) -> Iterator[str]:
    """Yield what an import or an attribute names, with all its dots."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Attribute):
        yield ast.unparse(node)


def not_public(tree: ast.AST) -> set[str]:
    """Return the names from parts of jax that are not public."""
    found = {n for node in ast.walk(tree) for n in names(node) if NOT_PUBLIC.match(n)}
    return {n for n in found if not any(o.startswith(f"{n}.") for o in found)}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield the files of adamx with their syntax trees."""
    for file in sorted((ROOT / "adamx").rglob("*.py")):
        yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))


def test_names_of_jax_that_are_not_public_are_listed_with_their_reasons():
    found = {file: used for file, tree in sources() if (used := not_public(tree))}
    assert found == {file: set(reasons) for file, reasons in REASONS.items()}


def test_names_of_jax_that_are_not_public_are_found():
    code = "import jax\nfrom jax.experimental import a, b\nx = jax.lib.c.d(jax.library)"
    assert not_public(ast.parse(code)) == {
        "jax.experimental.a",
        "jax.experimental.b",
        "jax.lib.c.d",
    }


def test_import_adamx_needs_no_name_of_jax_that_is_not_public():
    """What one feature needs is imported when it is used."""
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.body = [ast.Pass()]
        assert not not_public(tree), file


NEWER = {"jax.enable_x64": "adamx/numerics/x64.py"}
"""Names that the lowest jax has not, with the file that does without them there."""


def test_names_that_the_lowest_jax_has_not_are_in_one_file():
    for file, tree in sources():
        used = {name for node in ast.walk(tree) for name in names(node)} & {*NEWER}
        assert all(file == NEWER[name] for name in used), (file, used)


def test_all_codecs_are_tried_in_other_versions():
    assert {*public_codecs()} == {*test_storage.CODECS} - {"stochastic"}


# What pyproject.toml, the workflow and the page on installation say.


def test_the_classifiers_begin_at_the_lowest_python():
    assert min(versions.classified()) == versions.lowest_python()


def workflow() -> dict[str, Any]:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    return yaml.safe_load(text)["jobs"]


def test_the_workflow_tries_the_pythons_of_the_classifiers_and_the_lowest_jax():
    jobs, pythons = workflow(), [*map(versions.dotted, versions.classified())]
    for name in ("tests", "trial"):
        assert jobs[name]["strategy"]["matrix"]["python"] == pythons
    lowest = versions.lowest_jax()
    assert jobs["trial"]["strategy"]["matrix"]["jax"] == [f">={lowest}", f"=={lowest}"]


def test_the_workflow_runs_the_commands_of_the_readme():
    steps = [step for job in workflow().values() for step in job["steps"]]
    commands = [step.get("run") for step in steps]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert 'python -m pip install -e ".[test]"' in commands
    assert "python -m pytest -n 2" in commands
    assert 'pip install -q -e ".[test]" && .venv/bin/python -m pytest -n 2' in readme


def test_actionlint_is_content():
    if not (program := shutil.which("actionlint")):
        pytest.skip("actionlint is not installed")
    subprocess.run([program], cwd=ROOT, check=True)


def test_the_page_on_installation_says_what_pyproject_says():
    page = (ROOT / "docs" / "installation.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (3\.\d+) \| (.*) \|$", page, re.MULTILINE))
    assert [*rows] == [*map(versions.dotted, versions.classified())]
    assert rows[versions.dotted(versions.lowest_python())].startswith(
        f"{versions.lowest_jax()}."
    )
    wheels = set(re.findall(r"adamx-([\d.]+)-py3-none-any\.whl", page))
    assert wheels == {adamx.__version__}
    extras = set(re.findall(r"^\| `([\w-]+)` \| ", page, re.MULTILINE))
    assert extras == {*versions.project()["optional-dependencies"]}


INDEX = re.compile(r"""pip install ['"]?adamx\b""")


def test_nothing_says_that_a_package_index_has_adamx():
    for folder in ("adamx", "docs", "examples", "benchmarks"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".md", ".html"):
                assert not INDEX.search(file.read_text("utf-8")), file
    for file in ROOT.glob("*.md"):
        assert not INDEX.search(file.read_text("utf-8")), file


# What is said where a package is missing.


def test_a_missing_package_is_named_with_the_extra_of_the_checkout():
    with (
        pytest.raises(ModuleNotFoundError, match="plot needs nowhere") as error,
        needed_for("plot", "plot"),
    ):
        import nowhere  # noqa: F401 # pyright: ignore
    assert 'in a checkout of adamx: pip install ".[plot]"' in str(error.value)
    assert error.value.name == "nowhere"


def test_without_chex_the_laws_say_what_to_install():
    code = "import sys; sys.modules['chex'] = None; import adamx; import adamx.testing"
    done = python("-c", code, check=False)
    assert "adamx.testing needs chex" in done.stderr
    assert 'pip install ".[laws]"' in done.stderr


# Which Pythons are tried.


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as the only one on the PATH, and no pyenv."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
def test_each_version_is_found_once_and_broken_shims_are_none(folder):
    script(folder / "python3.11", "echo 3 11")
    script(folder / "python3.12", "echo pyenv: python3.12: command not found; exit 127")
    script(folder / "python3.13-config", "echo 3 13")
    script(folder / "python3.14", "echo 3 14")
    (folder / "python3.15").write_text("not a program")
    script(folder / "pyenv" / "versions" / "3.10.2" / "bin" / "python", "echo 3 10")
    script(folder / "pyenv" / "versions" / "3.11.7" / "bin" / "python", "echo 3 11")
    script(folder / "pyenv" / "versions" / "3.12.1" / "bin" / "python", "echo 3 12")
    assert versions.pythons(versions.programs()) == {
        (3, 11): str(folder / "python3.11"),
        (3, 12): str(folder / "pyenv" / "versions" / "3.12.1" / "bin" / "python"),
        (3, 14): str(folder / "python3.14"),
    }


def test_this_python_is_found():
    if not importlib.util.find_spec("ensurepip"):
        pytest.skip("this Python cannot make environments")
    program = Path(sys.executable).resolve()
    assert versions.version_of(program) == sys.version_info[:2]


def test_the_others_get_the_newest_jax_and_the_lowest_the_lowest(monkeypatch):
    found = {(3, 11): "a", (3, 12): "b", (3, 13): "c"}
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    lowest = versions.Trial((3, 11), "a", versions.lowest_jax())
    others = [versions.Trial((3, 11), "a", None), versions.Trial((3, 13), "c", None)]
    assert versions.trials(found) == [lowest, *others]
    assert versions.trials({(3, 12): "b"}) == []


def test_a_trial_that_fails_is_said(tmp_path, monkeypatch, capsys):
    script(tmp_path / "python", "echo no venv here; exit 1")
    found = {(3, 99): str(tmp_path / "python")}
    monkeypatch.setattr(versions, "pythons", lambda _: found)
    monkeypatch.setattr(versions, "build", lambda folder: folder / "adamx.whl")
    assert versions.main() == 1
    out = capsys.readouterr().out
    assert "Python 3.11: not on this machine" in out
    assert "Python 3.99, jax the newest, 0 s: FAILED\nno venv here\n" in out
    assert out.endswith("0 passed, 1 failed\n")
