"""Options, checks and errors that all commands share."""

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from adamx.errors import TransformError

BAD_INPUT = 2
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ends: 128 and the number of SIGINT."""


class Parser(argparse.ArgumentParser):
    """A parser whose error is one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error without the usage, which may be long."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def command_parser(name: str, description: str) -> Parser:
    """Return the parser of a command, with the option that all commands have."""
    options = Parser(f"adamx {name}", description=description)
    options.add_argument(
        "--traceback", action="store_true", help="show where an error comes from"
    )
    return options


def number(
    kind: Callable[[str], Any], low: float, meaning: str
) -> Callable[[str], Any]:
    """Return a reader of finite numbers for argparse.

    Args:
        kind: `int` or `float`.
        low: the least number for an integer; a float must be larger.
        meaning: what the number must be, as an error says it.
    """

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        enough = value >= low if kind is int else value > low
        if not (enough and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {meaning}")
        return value

    return read


count = number(int, 1, "an integer ≥ 1")
finite = number(float, -math.inf, "a finite number")
positive = number(float, 0, "a finite number > 0")


def check_writable(folder: Path) -> None:
    """Check that a folder exists or can be made, and that files can be written there.

    Raises:
        TransformError: it cannot.
    """
    folder = folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise TransformError(f"{there} is not a folder")
    if not os.access(there, os.W_OK):
        raise TransformError(f"{there} is read-only")


@contextlib.contextmanager
def code_of_user(name: str) -> Iterator[None]:
    """Report an exception of the user's function `name` as bad input.

    The module of the function may be in the current folder. Other commands import
    nothing from there.
    """
    if ":" in name:
        sys.path.insert(0, "")
    try:
        yield
    except (TransformError, ModuleNotFoundError):
        raise
    except (Exception, SystemExit) as error:
        message = f"{name} raised {type(error).__name__}: {error}"
        raise TransformError(message) from error
