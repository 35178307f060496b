"""The command `adamx`: what it prints and writes, and its exit codes."""

import io
import os
import re
import shlex
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import adamx
from adamx.command import main as dispatch
from adamx.command import optimizers, options, race
from adamx.command.main import COMMANDS, main
from adamx.command.schedules import SCHEDULES
from adamx.racing.results import FILE
from tests.places import ROOT

MINE = """
import jax.numpy as jnp

class Model:
    pass

def params():
    return {"w": jnp.ones((1000, 10)), "b": None}

tree = {"w": jnp.ones(3)}

def strange():
    return {"w": Model()}

def fails():
    raise ZeroDivisionError("three\\nlines\\nlong")

def leaves():
    raise SystemExit
"""

MODULES = {
    "mine": MINE,
    "broken": "def (",
    "lacking": "import surely_not_installed",
    "large": "import jax.numpy as jnp\ndef tree(): return jnp.zeros((10**6, 10**6))",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with modules of the user, in which the command is given."""
    monkeypatch.chdir(tmp_path)
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_alone_it_prints_help(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for name, summary in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", out, re.MULTILINE)


def test_versions_are_those_of_the_environment(capsys):
    assert main(["--version"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"adamx {adamx.__version__} (jax {jax.__version__}, jaxlib ")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: adamx {command} ")
    assert "--traceback" in out


SIMPLE = "describe 'adam(0.1)' --like"
DRAW = "schedules 'linear_schedule(1, 0, 9)'"

BAD = {
    "rac": "adamx: there is no command 'rac'; did you mean 'race'\\?; see adamx --help",
    "zzzzz": "there are describe, optimizers, race, schedules",
    "--verbose": "unrecognized arguments: --verbose; see adamx --help",
    "optimizers --family leen": "no family 'leen'; expected: gradient, .* mean 'lean'",
    "optimizers muonn": "no optimizer has 'muonn'; hint: did you mean 'muon'",
    "optimizers --top 3": "arguments: --top; see adamx optimizers --help",
    "schedules 'linear(1, 0, 9)' --steps 9 --out x.png": "mean 'linear_schedule'",
    "schedules 0.1 --steps 9 --out x.png": "'0.1' is not a schedule",
    DRAW: "a picture needs --steps and --out",
    "schedules --steps 9 --out x.png": "need a schedule to draw",
    f"{DRAW} --steps 0 --out x.png": "argument --steps: '0' is not an integer ≥ 1",
    f"{DRAW} --steps 9 --out x.doc": "--out: x.doc is not the .*expected: .* .png",
    f"{DRAW} --steps 9 --out x": "not the name of a picture",
    f"{DRAW} --steps 9 --out mine.py/x.png": "mine.py is not a folder",
    "schedules 'linear_schedule(1, 0, 0)' --steps 9 --out x.png": "out of range",
    "describe": "the following arguments are required: transform",
    "describe adamm(0.1)": "no transform 'adamm'; hint: did you mean 'adam'",
    "describe adam": "'adam' is not a transform; .* adam\\(learning_rate\\)",
    "describe 'linear_schedule(1, 0, 9)'": "is not a transform",
    "describe 'adam(0.1'": "not a call of a transform",
    "describe 'adam(0.1, b1=2.0)'": "b1 .*\\[0, 1\\)",
    "describe 'adam(open(1))'": "no transform 'open'",
    f"{SIMPLE} mine": "'mine' names no function; expected: package.module:function",
    f"{SIMPLE} mime:params": "no module 'mime'",
    f"{SIMPLE} mine:param": "no 'param' in mine; hint: did you mean 'params'",
    f"{SIMPLE} mine:fails": "mine:fails raised ZeroDivisionError: three lines long",
    f"{SIMPLE} mine:leaves": "mine:leaves raised SystemExit",
    f"{SIMPLE} mine:strange": "a leaf is not an array; where: w; .*mine.Model",
    f"{SIMPLE} broken:params": "broken:params raised SyntaxError",
    f"{SIMPLE} lacking:params": "No module named 'surely_not_installed'",
    "race --task digitz": "no task 'digitz'; .* did you mean 'digits'",
    "race --task valley --optimizers adm": "no optimizer 'adm'",
    "race --task valley --schedule cosin": "did you mean 'cosine'",
    "race --task valley --steps many": "--steps: 'many' is not an integer ≥ 1",
    "race --task valley --seeds 0": "--seeds: '0' is not an integer ≥ 1",
    "race --task valley --decades 0": "--decades: '0' is not a finite number > 0",
    "race --task valley --decades nan": "--decades: 'nan' is not a finite number > 0",
    "race --task valley --target inf": "--target: 'inf' is not a finite number",
    "race --task valley --grid adam=1,nan": "'adam=1,nan' is not NAME=RATE,RATE",
    "race --task valley --output mine.py": "mine.py is not a folder",
    "race --task mine:fails": "mine:fails raised ZeroDivisionError",
    "race --task mine:params": "not a task",
    "race --task valley --output old --resume": "not the file of a race; where: old",
}


def files_in(folder):
    return {path for path in folder.rglob("*") if "__pycache__" not in str(path)}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_before_any_work(line, here, capsys):
    (here / "old").mkdir()
    (here / "old" / FILE).write_text("not JSON")
    before = files_in(here)
    code = main(shlex.split(line))
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1
    assert err.startswith("adamx")
    assert re.search(BAD[line], err), err
    assert files_in(here) == before


# Each command.


def shown(line, capsys):
    assert main(shlex.split(line)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_optimizers_lists_all_of_them(capsys):
    head, rule, *rows = shown("optimizers", capsys).splitlines()
    assert head.split()[:2] == ["optimizer", "family"]
    assert set(rule) == {"─", " "}
    assert [row.split()[0] for row in rows] == [
        row["optimizer"] for row in optimizers.read()
    ]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("--family Lean", ["adafactor", "sm3", "came", "adam_mini"]),
        ('--family "adam\'s" nesterov', []),
        ("1711.05101", ["adamw"]),
        ("ZHANG lookahead", ["lookahead"]),
        ("--family matrix dion2", ["dion2"]),
    ],
)
def test_optimizers_are_chosen_by_family_and_words(line, names, capsys):
    code = main(["optimizers", *shlex.split(line)])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split()[0] for row in rows] == names
    assert code == (0 if names else 2)


def test_on_a_narrow_terminal_the_rows_of_optimizers_are_cut(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((40, 9)))
    lines = shown("optimizers", capsys).splitlines()
    assert max(map(len, lines)) == 40


def test_schedules_lists_all_of_them(capsys):
    lines = shown("schedules", capsys).splitlines()
    assert [line.split()[0] for line in lines] == sorted(SCHEDULES)
    assert all(line.endswith(".") for line in lines)


def test_schedules_draws_into_a_new_folder_and_says_so(here, capsys):
    calls = "'warmup_cosine_decay_schedule(0, 1e-3, 100, 1000)' 'constant_schedule(-1)'"
    out = shown(f"schedules {calls} --steps 1200 --out new/x.png", capsys)
    assert out == f"wrote {os.path.join('new', 'x.png')}\n"
    assert (here / "new" / "x.png").read_bytes().startswith(b"\x89PNG")


def test_describe_prints_what_describe_returns(here, capsys):
    out = shown("describe 'adam(1e-3)' --like mine:params", capsys)
    like = {"w": jnp.ones((1000, 10)), "b": None}
    assert out == f"{adamx.describe(adamx.adam(1e-3), like)}\n"
    out = shown("describe 'adam(1e-3)' --like mine:tree", capsys)
    assert out == f"{adamx.describe(adamx.adam(1e-3), {'w': jnp.ones(3)})}\n"


def test_describe_has_parameters_of_its_own(capsys):
    out = shown("describe 'muon(1e-3)'", capsys)
    assert "64 × 256" in out
    assert "--like module:function describes yours" in out


def test_describe_takes_no_memory_for_the_parameters(here, capsys):
    out = shown("describe 'adam(1e-3)' --like large:tree", capsys)
    assert "8,000,000,000,0" in out


def test_race_says_what_it_wrote(here, capsys):
    line = (
        "race --task quadratic --optimizers sgd --steps 4 --rates 2 --seeds 1 --quiet"
    )
    folder = here / "race" / "quadratic"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("of the user")
    out = shown(line, capsys)
    names = {file.name for file in folder.iterdir()} - {"notes.txt"}
    written = ", ".join(sorted(names))
    assert {"race.html", "race.json", "table.csv"} <= names
    assert out.endswith(f"wrote {written} to {os.path.join('race', 'quadratic')}\n")


def test_race_misses_packages_before_it_begins(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(race, "race", lambda *_, **__: pytest.fail("it began"))
    assert main(["race", "--task=valley"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "a race needs jinja2, which is not installed; in a checkout of adamx" in err
    assert err.count("\n") == 1


# How it ends.


def test_a_folder_that_is_read_only_is_said_first(here, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(shlex.split(f"{DRAW} --steps 9 --out x.png")) == 2
    assert "is read-only" in capsys.readouterr().err


def test_another_error_is_one_line_too(capsys, monkeypatch):
    def run(given):
        raise ZeroDivisionError("first\n  second")

    monkeypatch.setattr(optimizers, "run", run)
    assert main(["optimizers"]) == 1
    assert capsys.readouterr().err == (
        "adamx optimizers: ZeroDivisionError: first; second\n"
    )
    with pytest.raises(ZeroDivisionError):
        main(["optimizers", "--traceback"])


def test_ctrl_c_ends_it_quietly(capsys, monkeypatch):
    def run(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizers, "run", run)
    assert main(["optimizers"]) == options.INTERRUPTED
    assert capsys.readouterr().err == "adamx: interrupted\n"


def test_a_terminal_without_unicode_gets_something(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, "ascii"))
    assert main(["optimizers", "muon"]) == 0
    assert b"Jordan" in buffer.getvalue()


def test_a_broken_pipe_ends_it_quietly(capsys, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["optimizers"]) == dispatch.BROKEN_PIPE
    assert capsys.readouterr().err == ""


def test_the_path_of_imports_is_as_before(capsys):
    before = [*sys.path]
    main(["optimizers", "nothing"])
    assert sys.path == before


def test_the_list_of_optimizers_does_not_import_jax():
    """As a program, which is what a user starts."""
    code = (
        "import sys\n"
        "from adamx.command.main import main\n"
        "code = main(['optimizers', 'muon'])\n"
        "assert 'jax' not in sys.modules\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Jordan" in done.stdout


def test_as_a_module_it_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "adamx", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"adamx {adamx.__version__} ")


# The page.

PAGE = (ROOT / "docs" / "command_line.md").read_text("utf-8")
BLOCKS = re.findall(r"```console\n\$ adamx ?(.*)\n((?:.*\n)*?)```", PAGE)


@pytest.mark.parametrize(("line", "expected"), BLOCKS, ids=lambda x: x[:40])
def test_the_page_shows_what_is_printed(line, expected, here, capsys):
    if line == "--version":
        pytest.skip("the page has the versions of another environment")
    assert main(shlex.split(line)) == 0
    assert capsys.readouterr().out == expected


def test_the_page_has_every_command():
    found = {line.split()[0] for line, _ in BLOCKS if line}
    assert found >= {*COMMANDS} - {"race"}
    assert set(re.findall(r"^## `adamx (\w+)`$", PAGE, re.MULTILINE)) == {*COMMANDS}
