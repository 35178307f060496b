"""Count the calls that a trace makes inside of adamx, and in Optax beside it.

    python -m benchmarks.hops
    python -m benchmarks.hops --calls adam      # who calls whom, as a tree

Counted are calls of functions of the package alone, on parameters of three leaves, by a
transform that was traced before, with the caches of jax dropped. Comprehensions,
generator expressions and lambdas are left out.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from tabulate import tabulate

import adamx
from benchmarks.command import parser, publish

UNNAMED = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>", "<module>"}

SUBJECTS: dict[str, tuple[Callable[[], Any], str]] = {
    "adam": (lambda: adamx.adam(0.1), "adamx"),
    "adam of Optax": (lambda: optax.adam(0.1), "optax"),
    "muon": (lambda: adamx.muon(0.1), "adamx"),
    "stored(adam, int8)": (
        lambda: adamx.stored(adamx.adam(0.1), adamx.int8(), min_size=1),
        "adamx",
    ),
    "MultiSteps(adam)": (lambda: adamx.MultiSteps(adamx.adam(0.1), 2), "adamx"),
}
"""What is traced, and the package whose calls are counted."""

AIMS: dict[tuple[str, str], dict[str, int]] = {
    ("adam", "update"): {"calls": 220, "files": 12, "depth": 11},
    ("adam", "init"): {"calls": 130},
    ("muon", "update"): {"calls": 400},
    ("stored(adam, int8)", "update"): {"calls": 400},
    ("MultiSteps(adam)", "update"): {"calls": 300},
}
"""The aims of the redesign of the core."""

MOST = {
    ("adam", "init"): 130,
    ("adam", "update"): 220,
    ("muon", "init"): 280,
    ("muon", "update"): 505,
    ("stored(adam, int8)", "init"): 295,
    ("stored(adam, int8)", "update"): 490,
    ("MultiSteps(adam)", "init"): 195,
    ("MultiSteps(adam)", "update"): 300,
}
"""The most calls of each, of which a few depend on what is imported. A change that
needs fewer lowers it."""


class Call(NamedTuple):
    """A call of a function of the package."""

    code: CodeType
    depth: int


class Hops(NamedTuple):
    """Numbers of calls, functions and files, and the greatest depth of calls."""

    calls: int
    functions: int
    files: int
    depth: int


@contextmanager
def recorded(package: str) -> Iterator[list[Call]]:
    """Collect the calls of functions of a package, in order."""
    folder = str(Path(sys.modules[package].__file__ or "").parent)
    calls: list[Call] = []
    inside: list[FrameType] = []

    def hear(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_name in UNNAMED or not code.co_filename.startswith(folder):
            return
        if event == "call":
            inside.append(frame)
            calls.append(Call(code, len(inside)))
        elif event == "return" and inside and inside[-1] is frame:
            inside.pop()

    sys.setprofile(hear)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def traced(name: str, method: str) -> list[Call]:
    """The calls of a trace of `init` or `update` on three leaves."""
    make, package = SUBJECTS[name]
    params = {"a": jnp.ones((3, 4)), "b": jnp.ones(4), "c": jnp.ones((4, 2))}
    tx = make()
    state = jax.eval_shape(tx.init, params)
    arguments = (params,) if method == "init" else (params, state, params)
    function = getattr(tx, method)
    jax.make_jaxpr(function)(*arguments)
    jax.clear_caches()
    with recorded(package) as calls:
        jax.make_jaxpr(function)(*arguments)
    return calls


def hops(calls: list[Call]) -> Hops:
    """Count them."""
    codes = {call.code for call in calls}
    files = {code.co_filename for code in codes}
    depth = max((call.depth for call in calls), default=0)
    return Hops(len(calls), len(codes), len(files), depth)


def report(found: dict[str, dict[str, list[int]]]) -> str:
    """The table, as Markdown."""
    rows = []
    for name, methods in found.items():
        for method, counts in methods.items():
            aims = AIMS.get((name, method), {})
            aim = ", ".join(f"{n} {what}" for what, n in aims.items())
            rows.append([f"`{method}` of {name}", *counts, aim])
    return tabulate(rows, ["", *Hops._fields, "aim"], "github")


def measure() -> dict[str, dict[str, list[int]]]:
    """Count for every subject."""
    return {
        name: {m: [*hops(traced(name, m))] for m in ("init", "update")}
        for name in SUBJECTS
    }


def tree(calls: list[Call]) -> str:
    """The calls in order, each indented by its depth."""
    lines = []
    for code, depth in calls:
        file = "/".join(Path(code.co_filename).parts[-2:])
        lines.append(f"{'  ' * (depth - 1)}{code.co_qualname}  {file}")
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--calls", choices=SUBJECTS, help="show the calls of `update`")
    chosen = options.parse_args()
    if chosen.calls:
        print(tree(traced(chosen.calls, "update")))
    else:
        publish(chosen, "hops", measure, report)


if __name__ == "__main__":
    main()
