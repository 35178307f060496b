"""What the documents show is what works."""

import doctest
import pprint
import re
import shlex
import sys
import types
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.command.main import main
from adamx.command.race import parser
from adamx.command.schedules import SCHEDULES
from adamx.racing.tasks import TASKS
from adamx.testing import LAWS, Violation
from benchmarks.laws import statutes
from benchmarks.schedules import SHOWN
from benchmarks.schedules import name as picture_name
from tests.places import ROOT
from tests.tiers import full


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def test_the_skeleton_of_a_transform_works(monkeypatch):
    (code,) = blocks("CONTRIBUTING.md")
    module = types.ModuleType("skeleton")
    monkeypatch.setitem(sys.modules, "skeleton", module)
    exec(code, module.__dict__)
    builder = module.scale_by_sign_of_average
    monkeypatch.setattr(adamx, builder.__name__, builder, raising=False)
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0
    assert repr(builder(0.5)) == "scale_by_sign_of_average(decay=0.5)"


def test_the_readme_adam_is_our_adam():
    loop, code = blocks("README.md")
    names: dict = {}
    exec(code, names)
    start = {"w": jnp.array([1.0, -2.0])}
    ours, theirs = adamx.adam(1e-3), names["adam"](1e-3)
    a, b = ours.init(start), theirs.init(start)
    for _ in range(3):
        (u, a), (v, b) = ours.update(start, a, start), theirs.update(start, b, start)
        np.testing.assert_array_equal(u["w"], v["w"])
    assert jax.tree.structure(a) == jax.tree.structure(b)

    names = {"params": start, "loss_fn": lambda p, x: jnp.sum((p["w"] - x) ** 2)}
    exec(loop, names)
    _, _, first = names["step"](start, names["state"], 0.0)
    params, state, _ = names["step"](start, names["state"], 0.0)
    _, _, second = names["step"](params, state, 0.0)
    assert second < first


def test_the_readme_error_is_the_error():
    shown = re.search(r"TransformError: (.*?)```", (ROOT / "README.md").read_text(), 16)
    assert shown is not None
    start = {"layer": {"w": jnp.ones((3, 1))}}
    tx = adamx.adam(1e-3)
    with pytest.raises(adamx.TransformError) as error:
        tx.update({"layer": {"w": jnp.ones((3, 4))}}, tx.init(start), start)
    lines = [line.strip() for line in shown[1].strip().splitlines()]
    assert [line.strip() for line in str(error.value).splitlines()] == lines


def test_the_page_of_the_schedules_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    for code in blocks("docs/schedules.md"):
        exec(code, names)
    text = (ROOT / "docs/schedules.md").read_text()
    shown = re.search(r"```\n(linear_schedule: .*?)```", text, re.DOTALL)
    assert shown is not None
    assert capsys.readouterr().out == shown[1]
    assert (tmp_path / "rate.png").stat().st_size > 0
    (command,) = re.findall(r"```sh\n(.*?)\n```", text)
    assert main(shlex.split(command)[1:]) == 0


def test_the_page_of_the_schedules_has_all_of_them():
    text = (ROOT / "docs/schedules.md").read_text()
    table = re.findall(r"^\| !\[\]\((.*?)\) \| `(\w+)\(", text, re.MULTILINE)
    assert sorted(name for _, name in table) == sorted(SCHEDULES)
    assert sorted(map(picture_name, SHOWN)) == sorted(SCHEDULES)
    for picture, name in table:
        assert Path(picture).stem == name
        assert (ROOT / "docs" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_way_of_a_gradient_goes_through_files_that_are_there():
    page = (ROOT / "adamx/README.md").read_text()
    files = re.findall(r"`(\w+/\w+\.py)`", page)
    assert len(files) > 20
    assert not [file for file in files if not (ROOT / "adamx" / file).exists()]
    rooms = set(re.findall(r"`(\w+)/`", page))
    folders = {path.parent.name for path in (ROOT / "adamx").glob("*/__init__.py")}
    assert rooms == folders


def test_the_page_of_the_laws_says_what_the_code_says():
    assert statutes() in (ROOT / "docs/laws.md").read_text()


def test_the_transform_on_the_page_of_the_laws_is_tested(capsys):
    careless, lifted, in_a_file = blocks("docs/laws.md")
    names: dict = {"__name__": "page"}
    with pytest.raises(Violation) as violation:
        exec(careless, names)
    text = (ROOT / "docs/laws.md").read_text()
    shown = re.search(r"the first is:\n\n```\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    assert shown[1] in str(violation.value)
    exec(lifted, names)
    # Without a reference, and without a degree, two are not tried.
    kept = f"{len(LAWS) - 2} laws kept, 2 not tried, 0 broken"
    assert kept in capsys.readouterr().out
    exec(in_a_file, names)
    names["TestSignOfAverage"]("test_determinism").debug()


def test_the_page_of_gradients_says_what_happens():
    names: dict = {}
    for code in blocks("docs/gradients.md"):
        exec(code, names)
    np.testing.assert_allclose(names["inside"]["body"], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(names["inside"]["head"], [1.0], rtol=1e-6)
    np.testing.assert_allclose(names["outside"]["body"], [3 / 13, 4 / 13], rtol=1e-6)
    np.testing.assert_allclose(names["outside"]["head"], [12 / 13], rtol=1e-6)
    assert names["updates"]["w"].shape == (3,)


def test_the_page_of_seeing_shows_what_is_seen(capsys):
    text = (ROOT / "docs/seeing.md").read_text()
    table, error, norms = re.findall(r"\n\n```\n(.*?)```", text, re.DOTALL)
    describe, rows, count, find, missing, watch, measure = blocks("docs/seeing.md")
    names: dict = {}
    exec(describe, names)
    assert capsys.readouterr().out == table
    exec(rows + count, names)
    assert names["kept"] == {
        "partition/slow/trace": 4_000_000,
        "partition/fast/interpolated_momentum": 40_000,
    }
    assert names["sizes"] == {"partition": 4_040_000}
    exec(find, names)
    assert names["mu"]["w"].tolist() == [1.5, 2.0]
    assert (float(names["rate"]), float(names["b1"])) == (0.5, 0.5)
    assert len(names["moments"]) == 2
    with pytest.raises(adamx.TransformError) as raised:
        exec(missing, names)
    assert f"TransformError: {raised.value}\n" == error
    exec(watch, names)
    assert pprint.pformat(names["seen"]) + "\n" == norms
    exec(measure, names)
    assert float(names["share"]) == 1.0


def imported(code: str) -> None:
    """Skip the test unless what a block imports is there."""
    for name in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip(name)


CLIENTS = re.findall(r"^## (.*)$", (ROOT / "docs/clients.md").read_text(), re.MULTILINE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "client", [full(name) if name == "NumPyro" else name for name in CLIENTS]
)
def test_the_page_of_clients_trains(client):
    text = (ROOT / "docs/clients.md").read_text()
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    (section,) = (s for s in sections if s.startswith(f"{client}\n"))
    code = "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    imported(code)
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", head, re.DOTALL)[0], names)
    exec(code, names)
    result = names.get("result")  # NumPyro's loss is another one
    first = names["mean_square"](0) if result is None else result.losses[0]
    assert names["loss"] < 0.9 * first


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_page_of_saving_says_what_happens(tmp_path, capsys):
    names: dict = {"folder": tmp_path}
    for code in blocks("docs/saving.md"):
        imported(code)
        exec(code, names)
        if "loaded" in names and "noisy" not in names:
            same = jax.tree.map(np.array_equal, names["loaded"], names["state"])
            assert jax.tree.all(same)
    text = (ROOT / "docs/saving.md").read_text()
    (shown,) = re.findall(r"```\n(carried: .*?)```", text, re.DOTALL)
    assert capsys.readouterr().out == shown


@pytest.mark.full
def test_the_page_of_races_says_what_happens(capsys):
    names: dict = {}
    for code in blocks("docs/race.md"):
        exec(code, names)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["adam", "lion"]
    outcomes = {o.name: o for o in names["result"].outcomes}
    assert set(outcomes) == {"adam", "heavy", "clipped", "theirs"}
    np.testing.assert_allclose(
        outcomes["theirs"].final, outcomes["adam"].final, rtol=1e-3
    )
    text = (ROOT / "docs/race.md").read_text()
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (ROOT / "docs" / picture).read_bytes().startswith(b"GIF89a")
    (command,) = re.findall(r"^adamx race (.*)$", text, re.MULTILINE)
    assert parser().parse_args(shlex.split(command)).task == "digits"
    table = text.partition("## The tasks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(TASKS)
