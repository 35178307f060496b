import argparse
import importlib
import os
import re
import subprocess
from pathlib import Path

import jax
import matplotlib.image
import numpy as np
import pytest

import adamx
from benchmarks import examples
from tests.places import ROOT
from tests.tiers import full

EXAMPLES = ROOT / "examples"


@pytest.fixture
def example(monkeypatch):
    """Import an example as running it does, with its folder first on the path."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


def assert_picture(path):
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = matplotlib.image.imread(path)
    height, width, _ = pixels.shape
    assert height >= 600
    assert width >= 900
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 100


NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def assert_on_pages(name, out, folder):
    """Compare the words on both pages with the output, and the numbers to 5 %."""
    now = examples.shown(out, folder)
    for page in examples.PAGES:
        then = examples.on_page(name, page)
        assert NUMBER.sub("0", then) == NUMBER.sub("0", now)
        numbers = [[*map(float, NUMBER.findall(text))] for text in (then, now)]
        np.testing.assert_allclose(*numbers, rtol=0.05, atol=0.01)


def test_every_example_is_on_the_pages():
    assert {"gradient_descent", "linear_regression"} < set(examples.names())
    for page in examples.PAGES:
        text = page.read_text()
        for name in examples.names():
            assert examples.on_page(name, page).startswith("```text\n")
            assert re.search(rf"^\[`{name}.py`\]\(.*/examples/{name}.py\)", text, re.M)


def test_examples_write_to_a_folder_that_git_ignores(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = example("common").parser("Doc.").parse_args([]).output
    assert folder == EXAMPLES / "output"
    done = subprocess.run(
        ["git", "check-ignore", folder / "x.png"], cwd=ROOT, capture_output=True
    )
    assert done.returncode != 1, "git would list it"  # 128: this is no checkout


def test_examples_in_a_read_only_folder_write_to_the_current_one(
    example, tmp_path, monkeypatch
):
    common = example("common")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert common.output_folder() == Path.cwd() / "output"


def test_an_example_says_what_it_wrote(example, tmp_path, capsys):
    file = tmp_path / "new" / "x.png"
    with example("common").picture(file) as (axes,):
        axes.plot([0, 1])
    assert capsys.readouterr().out == f"picture saved to {file}\n"
    assert file.exists()


def test_quickstart_reads_digits(example, tmp_path, capsys):
    status = example("quickstart").main(["--output", str(tmp_path)])
    out, err = capsys.readouterr()
    scores = dict(re.findall(r"^(\w+\(.*\)) +test accuracy ([\d.]+)$", out, re.M))

    assert status == 0
    assert len(scores) == 4
    assert float(scores["adam(0.005)"]) >= 0.97
    assert min(map(float, scores.values())) > 0.95
    assert re.search(r"adam\(0\.005\).*30/30.*loss=", err)
    assert_picture(tmp_path / "loss_curves.png")
    assert_on_pages("quickstart", out, tmp_path)


@pytest.mark.full
def test_quickstart_fails_if_it_trained_too_little(example, tmp_path):
    assert example("quickstart").main(["--epochs=1", "--output", str(tmp_path)]) == 1


def test_linear_regression_prints_the_numbers_of_the_article(example, tmp_path, capsys):
    assert example("linear_regression").main(["--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    found = re.findall(r"^  epoch +(\d+)  loss +([\d.]+)  w = ([\d.]+)$", out, re.M)
    article, better = found[:10], found[10:]

    assert [int(epoch) for epoch, *_ in article] == list(range(100, 1001, 100))
    assert article[0] == ("100", "176.9161", "0.0993")
    assert article[-1] == ("1000", "78.0355", "0.9060")
    assert better[-1] == ("1000", "0.8197", "2.4868")
    reasons = re.findall(r"^  (.*) for w = 2.5: .* no further than (.*)\.$", out, re.M)
    assert reasons == [("Not enough", "1.0"), ("Enough", "10.0")]
    assert "least at w = 2.4868" in out
    assert_picture(tmp_path / "linear_regression.png")
    assert_on_pages("linear_regression", out, tmp_path)


def test_linear_regression_notices_another_adam(example, tmp_path, monkeypatch, capsys):
    module = example("linear_regression")
    monkeypatch.setattr(module, "fit_numpy", lambda *_: np.full(module.STEPS, 2.4868))

    assert module.main(["--output", str(tmp_path)]) == 1
    assert "another w" in capsys.readouterr().out


def test_gradient_descent_shows_its_path(example, tmp_path, capsys):
    module = example("gradient_descent")

    assert module.main(["--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    rows = re.findall(r"^ *(\d+) +(\S+) +(\S+) +(\S+) +(\S+)$", out, re.M)
    assert [row[0] for row in rows[:10]] == list("0123456789")
    for step, *numbers in rows:
        x = 5 * 0.8 ** int(step)
        np.testing.assert_allclose(
            [*map(float, numbers)], [x, 2 * x, -0.2 * x, x], 1e-5
        )
    assert_picture(tmp_path / "gradient_descent.png")
    assert_on_pages("gradient_descent", out, tmp_path)


@pytest.mark.parametrize(("rate", "factor"), [(0.01, 0.98), (0.9, -0.8), (1.01, -1.02)])
def test_gradient_descent_at_other_rates(example, rate, factor):
    path = example("gradient_descent").descend(rate)[:, 0]
    np.testing.assert_allclose(path, 5 * factor ** np.arange(101), rtol=2e-5)


@pytest.mark.parametrize(
    "flags",
    [[], *map(full, (["--amsgrad"], ["--decay=1e-3"], ["--amsgrad", "--decay=1e-3"]))],
    ids=" ".join,
)
def test_binary_classifier_learns(example, tmp_path, capsys, flags):
    status = example("binary_classifier").main([*flags, "--output", str(tmp_path)])
    out = capsys.readouterr().out
    lines = re.findall(
        r"^Epoch +(\d+)/50  loss ([\d.]+)  accuracy ([\d.]+)$", out, re.M
    )
    epochs, losses, accuracies = zip(*lines, strict=True)

    assert status == 0
    assert [*map(int, epochs)] == list(range(1, 51))
    assert float(losses[-1]) < 0.1 < 0.4 < float(losses[0])
    assert float(accuracies[-1]) > 0.97
    assert float(re.findall(r"test accuracy ([\d.]+)", out)[0]) >= 0.93
    assert_picture(tmp_path / "binary_classifier.png")
    if not flags:
        assert_on_pages("binary_classifier", out, tmp_path)


def epochs_of(module, argv, epochs):
    args = module.parse(argv)
    return module.train(module.optimizer(args), module.load(args.seed), epochs, 0)


@pytest.mark.parametrize(
    "flag",
    [
        "--learning-rate=0.002",
        "--beta-1=0.8",
        "--beta-2=0.99",
        "--lr=0.002",
        "--epsilon=1e-3",
        "--decay=1e-3",
        "--amsgrad",
    ],
)
def test_every_flag_of_the_binary_classifier_counts(example, flag):
    module = example("binary_classifier")

    losses = [epochs_of(module, argv, 50).loss for argv in ([flag], [])]
    assert not np.allclose(*losses, rtol=1e-4, atol=0)


def test_the_binary_classifier_trains_on_every_row_once(example):
    """A batch of 7 is left of 455 rows. At a tiny rate the parameters stay."""
    module = example("binary_classifier")
    data = module.load(0)
    params = module.init_mlp(
        jax.random.key(0), (30, 32, 1), jax.nn.initializers.glorot_uniform()
    )
    tx = adamx.adam(adamx.inverse_time_decay_schedule(1e-30, 1.0))
    _, state, (loss, accuracy) = module.train_epoch(
        tx, params, tx.init(params), data.train_x, data.train_y, jax.random.key(1)
    )
    logits = module.mlp(params, data.train_x)[:, 0]

    assert len(data.train_y) == 455
    assert adamx.find(state, "count") == 15
    entropy = np.mean(np.logaddexp(0, logits) - data.train_y * logits)
    np.testing.assert_allclose(loss, entropy, rtol=1e-5)
    assert accuracy == pytest.approx(np.mean((logits > 0) == data.train_y), rel=1e-6)


@pytest.mark.parametrize(
    ("flags", "call", "words"),
    [
        ([], "adam(0.001, eps=1e-07, eps_hat=True)", "leaves the rate constant"),
        (
            ["--decay=0.1", "--epsilon=none", "--amsgrad"],
            "amsgrad(inverse_time_decay_schedule(0.001, 0.1), eps=1e-07, eps_hat=True)",
            "decay=0.1 is the schedule 0.001 / (1 + 0.1·step)",
        ),
        (
            ["--lr=0.1", "--epsilon=1e-8"],
            "adam(0.1, eps_hat=True)",
            "eps_hat=True adds",
        ),
    ],
    ids=["defaults", "decay", "lr"],
)
def test_the_binary_classifier_says_what_the_flags_became(example, flags, call, words):
    module = example("binary_classifier")
    args = module.parse(flags)
    text = module.translation(args)

    assert f"\nadamx: {call}\n" in text
    assert words in text
    assert module.optimizer(args) == eval(call, {**vars(adamx)})


def test_the_decay_of_the_binary_classifier_is_that_of_keras(example):
    module = example("binary_classifier")
    tx = module.optimizer(module.parse(["--lr=0.5", "--decay=0.25"]))
    state, steps = tx.init(jax.numpy.ones(())), []
    for _ in range(4):
        u, state = tx.update(jax.numpy.ones(()), state)
        steps.append(u)
    # For a constant gradient each step of Adam is as long as the learning rate.
    expected = [-0.5 / (1 + 0.25 * t) for t in range(4)]
    np.testing.assert_allclose(steps, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "flag",
    [
        "--epochs=0",
        "--epochs=1.5",
        "--seed=-1",
        "--seed=4294967296",
        "--lr=0",
        "--learning-rate=nan",
        "--beta-1=1",
        "--beta-2=-0.1",
        "--epsilon=nothing",
        "--epsilon=0",
        "--decay=inf",
        "--decay=-1e-3",
        f"--output={__file__}",
        "--momentum=0.9",
    ],
)
def test_a_bad_flag_of_an_example_is_one_line(example, capsys, flag):
    with pytest.raises(SystemExit) as stop:
        example("binary_classifier").parse([flag])
    out, err = capsys.readouterr()

    assert stop.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert flag.partition("=")[0] in err


def test_every_flag_of_the_examples_has_help(example):
    parsers = [example("common").training_parser("An example.", 3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", lambda self, _: self)
        parsers.append(example("binary_classifier").parse([]))
    for parser in parsers:
        assert all(action.help for action in parser._actions)
