import importlib
import os
import re
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

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


@pytest.mark.full
def test_quickstart_fails_if_it_trained_too_little(example, tmp_path):
    assert example("quickstart").main(["--epochs=1", "--output", str(tmp_path)]) == 1


def test_linear_regression_is_numpy(example):
    module = example("linear_regression")
    x, y = module.make_data()
    expected = module.fit_numpy(x, y)
    params, losses = module.fit(x.astype("float32"), y.astype("float32"))

    assert expected.shape == (1000, 2)
    np.testing.assert_allclose(params["weight"], expected[:, 0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(params["bias"], expected[:, 1], rtol=0, atol=1e-6)
    residuals = expected[-1, 0] * x + expected[-1, 1] - y
    np.testing.assert_allclose(losses[-1], np.mean(residuals**2), rtol=1e-5)


def test_linear_regression_prints_its_losses(example, tmp_path, capsys):
    status = example("linear_regression").main(["--output", str(tmp_path)])
    out = capsys.readouterr().out
    lines = re.findall(r"^step +(\d+)  loss +([\d.]+)$", out, re.M)
    losses = [float(loss) for _, loss in lines]

    assert status == 0
    assert [int(step) for step, _ in lines] == list(range(100, 1001, 100))
    assert losses == sorted(losses, reverse=True)
    assert "not yet y = 2.5x" in out
    assert_picture(tmp_path / "linear_regression.png")


def test_gradient_descent_is_the_closed_form(example, tmp_path):
    module = example("gradient_descent")

    assert module.main(["--output", str(tmp_path)]) == 0
    np.testing.assert_allclose(module.descend()[-1], 5 * 0.8**100, rtol=1e-5)
    assert_picture(tmp_path / "gradient_descent.png")


@pytest.mark.parametrize(
    "flags",
    [[], *map(full, (["--amsgrad"], ["--decay=1e-3"], ["--amsgrad", "--decay=1e-3"]))],
    ids=" ".join,
)
def test_binary_classifier_learns(example, tmp_path, capsys, flags):
    status = example("binary_classifier").main([*flags, "--output", str(tmp_path)])
    out = capsys.readouterr().out

    assert status == 0
    assert float(re.findall(r"test accuracy ([\d.]+)", out)[0]) >= 0.93
    assert_picture(tmp_path / "binary_classifier.png")


@pytest.mark.parametrize(
    "flag",
    [
        "--learning-rate=0.002",
        "--beta-1=0.8",
        "--beta-2=0.99",
        "--epsilon=1e-3",
        "--decay=1e-3",
        "--amsgrad",
    ],
)
def test_every_flag_of_the_binary_classifier_counts(example, flag):
    module = example("binary_classifier")

    def losses(argv):
        args = module.parse(argv)
        return module.train(module.optimizer(args), module.load(args.seed), 50, 0)[0]

    assert not np.allclose(losses([flag]), losses([]), rtol=1e-4, atol=0)
