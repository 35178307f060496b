"""What a race leaves behind, and the command that runs one."""

import csv
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adamx
from adamx.command.main import main
from adamx.racing import Race
from adamx.racing.heat import Heat
from adamx.racing.pictures import trajectories
from adamx.racing.table import caveats, rows
from adamx.racing.tasks import find_task
from tests.places import ROOT

# One worker runs the race that these tests look at.
pytestmark = [pytest.mark.optimized, pytest.mark.xdist_group("race_report")]

SMALL = ["--steps=12", "--rates=3", "--seeds=2", "--quiet"]


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """A run by itself is another program to compile."""
    monkeypatch.setattr(Heat, "alone", lambda *_: 1e-3)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """A race whose pictures are drawn, with one optimizer that only diverges."""
    folder = tmp_path_factory.mktemp("race")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heat, "alone", lambda *_: 1e-3)
        result = adamx.race(
            "valley",
            {
                "adam": adamx.adam,
                "lbfgs": "lbfgs",
                "up": lambda rate: adamx.chain(adamx.scale(-1e6), adamx.sgd(rate)),
                "<b>": adamx.sign_sgd,
            },
            grids={"<b>": [0.1, 0.01, 0.001]},
            steps=40,
            rates=3,
            seeds=2,
            folder=folder,
            progress=False,
        )
    return result, folder


def test_it_leaves_tables_pictures_and_a_page(raced):
    _, folder = raced
    assert sorted(file.name for file in folder.iterdir()) == [
        "curves.png",
        "race.html",
        "race.json",
        "rates.png",
        "runs.csv",
        "table.csv",
        "trajectories.gif",
        "trajectories.png",
    ]
    for name in ("curves", "rates", "trajectories"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "trajectories.gif").read_bytes().startswith(b"GIF89a")


def test_the_page_needs_nothing_else(raced):
    result, folder = raced
    page = (folder / "race.html").read_text()
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^">]{0,20})', page)
    assert len(links) == 4
    assert all(link.startswith("data:image/") for link in links)
    assert not re.search(r"https?:|<script|@import", page)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    for line in caveats(result):
        assert line.split("'")[0].split("<")[0] in page


def test_the_tables_say_what_the_arrays_say(raced):
    result, folder = raced
    table = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert [row["optimizer"] for row in table] == [o.name for o in result.ranked]
    assert table[-1]["optimizer"] == "up"
    for row, outcome in zip(table, result.ranked, strict=True):
        assert float(row["loss_mean"]) == outcome.loss[0]
        np.testing.assert_equal(float(row["best_rate"]), outcome.best_rate)
        steps = outcome.steps_to(result.target)
        np.testing.assert_equal(float(row["seconds_to_target"]), steps * 1e-3)
    runs = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    assert len(runs) == 4 * 3 * 2
    for outcome in result.outcomes:
        mine = [run for run in runs if run["optimizer"] == outcome.name]
        losses = np.array([float(run["validation_loss"]) for run in mine])
        np.testing.assert_array_equal(losses.reshape(3, 2), outcome.final)
        at = [int(run["diverged_at_step"] or -1) for run in mine]
        np.testing.assert_array_equal(np.reshape(at, (3, 2)), outcome.diverged)


def test_the_caveats_are_those_of_this_race(raced):
    result, _ = raced
    text = "\n".join(caveats(result))
    assert "had 3 learning rates, 40 steps, and the same 2 seeds" in text
    assert "A step of lbfgs evaluates the loss more often" in text
    assert "All runs of up diverged" in text
    assert "all seeds agree" in text
    (adam,) = (row for row in rows(result) if row["optimizer"] == "adam")
    assert adam["best rate"] == "0.1 ⚠"
    assert "The best rate of" in text
    (up,) = (row for row in rows(result) if row["optimizer"] == "up")
    assert (up["best rate"], up["validation loss"]) == ("none", "diverged")
    assert up["diverged"] == "6 of 6"


def test_trajectories_can_be_drawn_apart(tmp_path):
    task = find_task("beale")
    assert task.plane is not None
    paths = {"down": np.linspace([-4.0, 4.0], [3.0, 0.5], 5)}
    trajectories(task.validate, task.plane, paths, tmp_path / "a.png", "Beale")
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.full
def test_the_command_races_and_goes_on(tmp_path, capsys):
    folder = tmp_path / "out"
    command = ["race", "--task=digits", f"--output={folder}", *SMALL]
    assert main([*command, "--optimizers=adam", "--grid=adam=1e-3,1e-2,1e-1"]) == 0
    out = capsys.readouterr().out
    assert "Handwritten digits" in out
    assert "race.html" in out
    first = Race.read(folder).outcomes[0]
    assert first.rates == [1e-3, 1e-2, 1e-1]
    again = [*command, "--optimizers=adam,sgd(momentum=0.9)", "--resume"]
    assert main([*again, "--grid=adam=1e-3,1e-2,1e-1"]) == 0
    whole = Race.read(folder)
    assert [o.name for o in whole.outcomes] == ["adam", "sgd(momentum=0.9)"]
    assert whole.outcomes[0].seconds == first.seconds
    assert main([*command, "--optimizers=adam", "--resume", "--steps=13"]) == 2
    assert "another one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--optimizers=adm"], "did you mean 'adam'?"),
        (["--task=digitz"], "did you mean 'digits'?"),
        (["--schedule=cosin"], "did you mean 'cosine'?"),
        (["--optimizers=adam(b1=2.0)"], "must be in [0, 1)"),
        (["--optimizers=adam(beta=0.5)"], "adam has no argument `beta`"),
        (["--rates=0"], "argument --rates: '0' is not an integer ≥ 1"),
        (["--grid=lion=1,2,3", "--optimizers=adam"], "which does not race"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, said, tmp_path, capsys):
    command = ["race", "--task=valley", *SMALL, f"--output={tmp_path}"]
    assert main([*command, *arguments]) == 2
    assert said in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_grid_that_is_no_grid(capsys):
    assert main(["race", "--grid=adam=fast"]) == 2
    assert "NAME=RATE,RATE" in capsys.readouterr().err


MINE = '''
import jax
import jax.numpy as jnp

def task():
    """Three functions are a task."""
    def loss(params, batch):
        return jnp.mean((params - batch) ** 2)
    return lambda key: jnp.zeros(3), loss, lambda key: jax.random.normal(key, (4, 3))
'''


# A child inherits that SIGINT is ignored, as it is under nohup or behind an &.
HEARS_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.full
def test_ctrl_c_on_the_command_keeps_what_has_finished(tmp_path):
    """As a user has it: the console script, a task of one's own, and SIGINT."""
    script = shutil.which("adamx", path=str(Path(sys.executable).parent))
    start = [script] if script else [sys.executable, "-m", "adamx"]
    (tmp_path / "mine.py").write_text(MINE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HEARS_CTRL_C, *start]
    command += ["race", "--task=mine:task", "--rates=2", "--seeds=1"]
    command += ["--output=out"]

    def begin(*more):
        return subprocess.Popen(
            [*command, *more],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    # So many steps that it can be interrupted in the second optimizer.
    long = ["--optimizers=sign_sgd,sgd", "--steps=3000000", "--quiet"]
    with begin(*long) as process:
        while not (tmp_path / "out" / "race.json").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 130, out
    assert "Interrupted: sgd did not run" in out
    race = Race.read(tmp_path / "out")
    assert [o.name for o in race.outcomes] == ["sign_sgd"]
    assert math.isfinite(race.outcomes[0].loss[0])
    assert (tmp_path / "out" / "race.html").exists()
