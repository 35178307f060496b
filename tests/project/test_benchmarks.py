"""The benchmark runs, and its table says what its numbers say."""

import json
import re
import sys

import chex
import pytest

from adamx.command.optimizers import FILE, read
from benchmarks import (
    catalogue,
    hops,
    language_model,
    laws,
    matrix,
    race,
    step,
    trace,
    trajectories,
    trees,
)
from tests.places import ROOT
from tests.tiers import full

pytestmark = pytest.mark.optimized


@pytest.mark.full
def test_gpt2_small_is_as_large_as_it_is():
    shapes = trees.gpt2_small()
    assert len(shapes) == 148
    numbers = sum(int(trees.np.prod(shape)) for shape in shapes.values())
    assert numbers == 124_439_808  # Radford et al.: 124 M


@pytest.mark.full
def test_the_command_measures_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(step, "TREES", {"tiny": trees.small_leaves(2)})
    monkeypatch.setattr(step, "COPIED", 1 << 10)
    document = tmp_path / "doc.md"
    document.write_text(
        "before\n<!-- begin: benchmarks.step -->\nold\n"
        "<!-- end: benchmarks.step -->\nafter\n"
    )
    figures = tmp_path / "figures.json"
    command = ["step", "--stages", "1", "--repeats", "2"]
    command += ["--json", str(figures), "--write", str(document)]
    monkeypatch.setattr(sys, "argv", command)
    step.main()
    found = json.loads(figures.read_text())
    times = found["trees"]["tiny"]["times"]
    assert set(times["adamx"]) == set(step.QUANTITIES)
    assert all(len(times["optax"][q]) > 0 for q in step.QUANTITIES)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| tiny" in text
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["step", "--read", str(figures)])
    step.main()
    assert capsys.readouterr().out.strip() in text


@pytest.mark.full
def test_the_scoreboard_counts_what_is_kept_and_tried(tmp_path, capsys, monkeypatch):
    results = {
        "adamx": {"sgd": {"finite": "", "donation": ""}},
        "Optax": {"sgd": {"finite": "nan", "donation": ""}, "dog": {"finite": ""}},
    }
    figures = tmp_path / "laws.json"
    figures.write_text(json.dumps(results))
    document = tmp_path / "laws.md"
    marks = "<!-- begin: {0} -->\n<!-- end: {0} -->\n"
    document.write_text(marks.format("laws") + marks.format("benchmarks.laws"))
    command = ["laws", "--read", str(figures), "--write", str(document)]
    monkeypatch.setattr(sys, "argv", command)
    laws.main()
    assert capsys.readouterr().out.strip() in document.read_text()
    rows = [
        [x.strip() for x in line.split("|")]
        for line in document.read_text().splitlines()
    ]
    assert ["", "4", "finite", "1 of 1", "1 of 2", ""] in rows
    assert ["", "9", "donation", "1 of 1", "1 of 1", ""] in rows
    assert ["", "", "all", "2 of 2", "2 of 3", ""] in rows
    assert ["", "Optax", "finite", "`sgd`", ""] in rows


def test_the_scoreboard_finds_the_optimizers_of_both():
    ours, theirs = dict(laws.adamx_optimizers()), dict(laws.optax_optimizers())
    assert {"adam", "sgd"} <= set(ours)
    assert {"adam", "dog", "polyak_sgd", "lbfgs"} <= set(theirs)
    assert len(theirs) >= 40
    _, _, verdicts = laws.tried(("Optax", "sgd", ["donation", "odd_leaves"]))
    assert verdicts["donation"] == ""
    assert "integers" in verdicts["odd_leaves"]


@pytest.mark.parametrize(
    ("name", "method"),
    [row if row[0] == "adam" else full(*row) for row in hops.MOST],
)
def test_a_trace_makes_no_more_calls_than_it_did(name, method):
    calls = hops.hops(hops.traced(name, method)).calls
    assert 0 < calls <= hops.MOST[name, method]


def test_ratio_is_that_of_the_medians():
    assert step.ratio([1.0, 2.0, 3.0], [2.0, 4.0, 3.0]) == "0.67 (0.50–1.00)"
    assert step.ratio([0.0], [0.0]) == "0/0"


@pytest.mark.full
def test_traces_are_timed_in_turns(tmp_path, monkeypatch, capsys):
    assert {"adam", "lion", "sgd"} <= set(trace.shared())
    monkeypatch.setattr(trace, "shared", lambda: ["adam"])
    figures = tmp_path / "trace.json"
    command = ["trace", "--leaves", "4", "--rounds", "2", "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", command)
    trace.main()
    times = json.loads(figures.read_text())["times"]["adam"]
    assert [*map(len, times.values())] == [2, 2, 2]
    shown = capsys.readouterr().out
    assert "| `adam` " in shown
    assert "4 leaves; 0 of 1 within 0.5" in shown or "1 of 1 within 0.5" in shown


@pytest.mark.full
def test_matrices_are_orthogonalized_in_turns(tmp_path, monkeypatch, capsys):
    tree = {"tiny": trees.transformer(8, 2, 16, 4)}
    monkeypatch.setattr(matrix, "TREES", tree)
    document = tmp_path / "doc.md"
    document.write_text(
        "<!-- begin: benchmarks.matrix -->\n<!-- end: benchmarks.matrix -->"
    )
    command = ["matrix", "--stages", "1", "--repeats", "1", "--write", str(document)]
    monkeypatch.setattr(sys, "argv", command)
    matrix.main()
    assert capsys.readouterr().out.partition("\n")[2].strip() in document.read_text()
    assert matrix.kinds(tree["tiny"])[8, 32] == 2
    assert matrix.largest_stack(tree["tiny"]) == 2 * 8 * 32 * 4


@pytest.mark.full
def test_both_libraries_do_the_same_to_the_matrices():
    shapes = trees.transformer(8, 2, 16, 4)
    params, grads = trees.random_tree(shapes, 0), trees.random_tree(shapes, 1)
    txs = [*map(matrix.ours, matrix.WAYS), matrix.theirs()]
    *ours, theirs = (tx.update(grads, tx.init(params), params)[0] for tx in txs)
    for way in ours:
        # Sums of some ten products in another order, times the slope of 485.
        chex.assert_trees_all_close(
            way, theirs, rtol=0, atol=10 * 485 * 2**-24 * matrix.RATE
        )


def test_every_optimizer_has_one_row_and_an_oracle():
    rows = [name for _, name in catalogue.names()]
    assert len(rows) == len(set(rows))
    assert {name for name, _ in laws.adamx_optimizers()} <= set(rows)
    assert [name for name in rows if not catalogue.specs_of(name)] == []


def test_the_tables_of_the_optimizers_are_what_the_command_writes(tmp_path):
    """The deviations are another machine's; all the rest is looked up again."""
    found = read()
    table = catalogue.table(found)
    page = (ROOT / "docs" / "optimizers.md").read_text()
    marks = "<!-- begin: benchmarks.catalogue -->", "<!-- end: benchmarks.catalogue -->"
    assert f"{marks[0]}\n{table}\n{marks[1]}" in page
    assert [{**row, "away": ""} for row in found] == [*catalogue.rows({})]
    assert all(float(row["away"]) <= 1e-10 for row in found)
    catalogue.write_csv(found, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == FILE.read_bytes()


def test_state_is_counted_with_all_its_arrays():
    def counted(name):
        return catalogue.shown_bytes(catalogue.public_builders()[name])

    assert [counted(name) for name in ("sgd", "adam", "cautious")] == ["0", "8", "+ 0"]


@pytest.mark.full
def test_races_are_timed_in_turns(monkeypatch):
    monkeypatch.setattr(race, "RATES", 2)
    monkeypatch.setattr(race, "SEEDS", 1)
    times = race.measure(hidden=8, rounds=2, steps=60)
    assert [len(times[way]) for way in race.WAYS] == [2, 2, 2]
    fixed = dict(
        zip([*race.WAYS, "compile"], [[1.0], [3.0], [4.5], [2.0]], strict=True)
    )
    shown = race.table({8: fixed})
    assert "| 8 units  | by the step   | 4.500 s | 4.50 (4.50–4.50)   |" in shown


@pytest.mark.full
def test_a_race_of_matrices_is_written_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "TASK", "breast_cancer")
    monkeypatch.setattr(language_model.Heat, "alone", lambda *_, **__: 1e-3)
    document, pictures = tmp_path / "doc.md", tmp_path / "pictures"
    mark = "benchmarks.language_model"
    document.write_text(f"<!-- begin: {mark} -->\n<!-- end: {mark} -->\n")
    command = ["language_model", "--folder", str(tmp_path / "race"), "--steps", "4"]
    command += ["--rates", "2", "--seeds", "1", "--pictures", str(pictures)]
    for optimizers, rounds in (("sgd", "0"), ("sgd, sgd(momentum=0.9)", "1")):
        more = ["--optimizers", optimizers, "--write", str(document)]
        monkeypatch.setattr(sys, "argv", [*command, *more, "--rounds", rounds])
        language_model.main()
        assert ("a step" in document.read_text()) == (rounds == "1")
    lines = document.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == {"sgd", "sgd(momentum=0.9)"}
    assert all(re.search(r" 1 ms +\|$", row) for row in rows)
    assert {file.name for file in pictures.iterdir()} == {"curves.png", "rates.png"}


@pytest.mark.full
def test_trajectories_are_drawn(tmp_path):
    trajectories.draw("valley", 5, tmp_path, ("png",))
    assert (tmp_path / "valley.png").read_bytes().startswith(b"\x89PNG")
