"""What the examples share: options, split data, a small network and pictures."""

import argparse
import io
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import jax

from adamx.extras import needed_for
from adamx.racing.style import STYLE
from adamx.racing.tasks.mlp import Layers as Params
from adamx.racing.tasks.mlp import binary_cross_entropy, cross_entropy, init_mlp, mlp
from adamx.racing.tasks.split import Split, split

__all__ = [
    "Params",
    "Parser",
    "Split",
    "at_least",
    "batches",
    "binary_cross_entropy",
    "cross_entropy",
    "extra",
    "init_mlp",
    "mlp",
    "output_folder",
    "parser",
    "picture",
    "positive",
    "seed",
    "some",
    "split",
    "training_parser",
]


def output_folder() -> Path:
    """Return `output` beside this file, which git ignores, wherever it is started from.

    If the folder of the examples is read-only, it is `output` in the current directory.
    """
    here = Path(__file__).resolve().parent
    return (here if os.access(here, os.W_OK) else Path.cwd()) / "output"


@contextmanager
def extra(name: str = "examples") -> Iterator[None]:
    """Exit with status 2, in one line, if an import needs an extra."""
    try:
        with needed_for("this example", name):
            yield
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


with extra():
    import matplotlib
    from PIL import Image


class Parser(argparse.ArgumentParser):
    """Say in one line what is wrong with a flag, and exit with status 2."""

    def error(self, message: str) -> NoReturn:
        """Print the message without the usage, and exit."""
        self.exit(2, f"{self.prog}: {message}\n")


def at_least(lowest: int) -> Callable[[str], int]:
    """Return the type of a flag that takes whole numbers from `lowest` on."""

    def whole(text: str) -> int:
        if not (re.fullmatch(r"\s*[+-]?\d+\s*", text) and int(text) >= lowest):
            raise argparse.ArgumentTypeError(
                f"expected a whole number, at least {lowest}, got {text!r}"
            )
        return int(text)

    return whole


def positive(text: str) -> float:
    """Return the value of a flag that takes finite numbers above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def seed(text: str) -> int:
    """Return the value of a flag that takes a seed of NumPy's, of 32 bits."""
    value = at_least(0)(text)
    if value >= 2**32:
        raise argparse.ArgumentTypeError(f"expected a number below 2³², got {text!r}")
    return value


def folder(text: str) -> Path:
    """Return the value of a flag that takes a folder, which need not exist yet."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path


def parser(doc: str | None) -> Parser:
    """The options of every example, described by the first line of `doc`."""
    options = Parser(description=(doc or "").partition("\n")[0])
    options.add_argument(
        "--output",
        type=folder,
        default=output_folder(),
        help="folder for what it writes (%(default)s)",
    )
    return options


def training_parser(doc: str | None, epochs: int) -> Parser:
    """The options of an example that trains a network for `epochs` by default."""
    options = parser(doc)
    options.add_argument(
        "--epochs",
        type=at_least(1),
        default=epochs,
        help="passes over the training data (%(default)s)",
    )
    options.add_argument(
        "--seed",
        type=seed,
        default=0,
        help="of the split, the first weights and the batches (%(default)s)",
    )
    return options


def batches(key: jax.Array, rows: int, size: int = 32) -> jax.Array:
    """Row numbers in random order, a batch per line, without an unfilled last one."""
    order = jax.random.permutation(key, rows)
    return order[: rows // size * size].reshape(-1, size)


def some(length: int, gaps: int = 6) -> list[int]:
    """Return numbers from 0 to `length` − 1, evenly spaced: of the lines to print."""
    gaps = min(gaps, length - 1)
    return [i * (length - 1) // gaps for i in range(gaps)] + [length - 1]


@contextmanager
def picture(path: Path, panels: int = 1) -> Iterator[list[Any]]:
    """Axes to draw on, side by side; saved to `path` at the end of the block."""
    # Agg draws to files, so that this works without a screen.
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            1, panels, figsize=(7 if panels == 1 else 11, 4.5), squeeze=False
        )
        yield list(axes.flat)
        figure.tight_layout(w_pad=3)
        pixels = io.BytesIO()
        figure.savefig(pixels, dpi=140)
        pyplot.close(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        # With a palette the file is about a third as large, and looks the same.
        Image.open(pixels).convert("RGB").quantize(128).save(path, optimize=True)
    print(f"picture saved to {path}")
