"""Dispatch the command line to one of the commands."""

import argparse
import importlib
import io
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from adamx.command.options import BAD_INPUT, INTERRUPTED, Parser
from adamx.errors import TransformError, nearest

COMMANDS = {
    "describe": "show what a transform is made of, and the bytes of its state",
    "optimizers": "list the optimizers, by family or by a word",
    "race": "compare optimizers on a task",
    "schedules": "list the schedules, or draw some",
}
"""Each command, a module of its name, and what it does."""

BROKEN_PIPE = 141
"""128 and the number of SIGPIPE, as a shell reports it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, and return its exit code: 2 for bad input."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # tables on terminals without Unicode
    path = [*sys.path]
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # of argparse, and of rich for a broken pipe
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        sys.stderr.write("adamx: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Otherwise Python reports it again, as it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    finally:
        sys.path[:] = path


def _run(words: list[str]) -> int:
    """Run the command that the first word names."""
    if not words or words[0] not in COMMANDS:
        return _without_command(words)
    # One module alone is imported, because some of them import jax.
    command = importlib.import_module(f"adamx.command.{words[0]}")
    given = command.parser().parse_args(words[1:])
    try:
        return command.run(given)
    except Exception as error:
        if given.traceback or isinstance(error, BrokenPipeError):
            raise
        bad = isinstance(error, TransformError | ModuleNotFoundError)
        kind = "" if bad else f"{type(error).__name__}: "
        sys.stderr.write(f"adamx {words[0]}: {kind}{one_line(error)}\n")
        return BAD_INPUT if bad else 1


def _without_command(words: list[str]) -> int:
    """Print the version or the help, or say which command was meant."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    options = Parser(
        "adamx",
        usage="adamx [--version] COMMAND ...",
        description="Functional optimizer transforms for JAX.",
        epilog="\n".join(["commands, each with --help:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--version", action="store_true", help="print the versions")
    if words and not words[0].startswith("-"):
        hint = nearest(words[0], COMMANDS) or f"there are {', '.join(COMMANDS)}"
        options.error(f"there is no command {words[0]!r}; {hint}")
    given = options.parse_args(words)
    if given.version:
        sys.stdout.write(f"{versions()}\n")
    else:
        options.print_help()
    return 0


def versions() -> str:
    """Return the versions that a report of a fault needs."""
    from adamx import __version__

    others = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "jaxlib"))
    return f"adamx {__version__} ({others}, Python {platform.python_version()})"


def one_line(error: Exception) -> str:
    """Return the message of an error on one line."""
    return "; ".join(" ".join(line.split()) for line in str(error).splitlines())
