"""The wheel works alone: with jax and what jax needs, outside of the checkout."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from typing import NamedTuple

import pytest

import adamx
from adamx.command.optimizers import read
from tests.pages import blocks
from tests.places import ROOT
from tests.project import versions

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("wheel")]

# Python imports a module of this name when it starts.
ALONE = """
import os, sys

allowed = {*sys.stdlib_module_names, *os.environ["ALLOWED"].split()}

class Only:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        # A module of the standard library has the platform in its name.
        if name.partition(".")[0] in allowed or name.startswith("_sysconfigdata"):
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Only, sys.meta_path)
"""

LOOP = """
import adamx, jax.numpy as jnp

def loss_fn(params, batch):
    return jnp.mean((batch @ params["w"] + params["b"] - 1.0) ** 2)

batch = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)
params = {{"w": jnp.zeros(3), "b": jnp.zeros(())}}
{readme}
losses = []
for _ in range(100):
    params, state, loss = step(params, state, batch)
    losses.append(float(loss))
assert losses == sorted(losses, reverse=True), losses
print(adamx.__file__)
"""


def needed(names: Iterable[str]) -> set[str]:
    """Return distributions and all that they require, without their extras."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # its marker is of another platform or Python
        found.add(name)
        waiting += [
            re.match(r"[\w.-]+", line)[0]  # pyright: ignore
            for line in required
            if "extra ==" not in line
        ]
    return found


class Installed(NamedTuple):
    """What starts programs that find the wheel, jax, and nothing else."""

    folder: os.PathLike[str]
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python there."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not importlib.util.find_spec("hatchling"):
        pytest.skip("hatchling, which builds the wheel, is in the extra 'test'")
    folder = tmp_path_factory.mktemp("wheel")
    wheel = versions.build(folder, "--no-build-isolation", "--no-index")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    (folder / "alone").mkdir()
    (folder / "alone" / "sitecustomize.py").write_text(ALONE)
    (folder / "here").mkdir()
    distributions = needed(["jax", "jaxlib"])
    modules = {
        module
        for module, names in metadata.packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", name).lower() for name in names} & distributions
    }
    assert {"jax", "numpy"} <= modules
    assert not {"optax", "chex", "matplotlib", "pytest"} & modules
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(folder / x) for x in ("alone", "site")),
        "ALLOWED": " ".join(["adamx", *modules]),
    }
    return Installed(folder / "here", environment)


def test_nothing_else_is_found(installed):
    """Otherwise the tests below would show nothing."""
    done = installed.run("-c", "import yaml")
    assert "No module named 'yaml'" in done.stderr


def test_the_loop_of_the_readme_runs(installed):
    (readme, _), *_ = blocks((ROOT / "README.md").read_text("utf-8"))
    done = installed.run("-c", LOOP.format(readme=readme))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed.folder.parent / "site"))


def test_the_command_runs(installed):
    done = installed.run("-m", "adamx", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"adamx {adamx.__version__} (jax ")
    done = installed.run("-m", "adamx", "optimizers")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2 + len(read())
    done = installed.run("-m", "adamx", "describe", "muon(1e-3)")
    assert (done.returncode, done.stderr) == (0, "")
    done = installed.run("-m", "adamx", "race")
    assert done.returncode == 2
    assert re.fullmatch(r"adamx race: a race needs \w+, .*\n", done.stderr)


def test_its_metadata_are_those_of_pyproject(installed):
    (info,) = (installed.folder.parent / "site").glob("*.dist-info")
    found = metadata.PathDistribution(info)
    assert found.metadata["Author"] == "The adamx authors"
    assert found.version == adamx.__version__
    always = [line for line in found.requires or [] if "extra ==" not in line]
    assert sorted(always) == versions.project()["dependencies"]
    (command,) = found.entry_points
    assert (command.name, command.value) == ("adamx", "adamx.command.main:main")
    assert command.load().__name__ == "main"
