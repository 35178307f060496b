"""The table of optimizers: state, oracle and deviation measured, the rest looked up.

    python -m benchmarks.catalogue                    # a minute or two
    python -m benchmarks.catalogue --only adam
    python -m benchmarks.catalogue --write docs/optimizers.md

--write writes `adamx/command/optimizers.csv` too, which `adamx optimizers` shows.

State is counted from the arrays that `init` would make for a matrix of 1,024 by 4,096.
The deviation is the largest of all specs of an optimizer, on all problems: how far it
leaves the path of its oracle in float64, in its largest step. Golden data stand for
oracles that are libraries; `tests/golden/versions.json` has their versions.
"""

import csv
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tabulate import tabulate

from adamx.command.optimizers import FILE
from adamx.core.transform import Transform
from adamx.hyperparameters.call import Call
from adamx.inspect.describe import describe
from adamx.testing import examples, public_builders
from adamx.testing.laws.truth import deviation, follower
from benchmarks.command import parser, publish
from benchmarks.laws import adamx_optimizers
from tests.spec import references, subject
from tests.specs import SPECS, Spec

FAMILIES = {
    "gradient": "sgd asgd optimistic_gradient_descent fromage noisy_sgd",
    "sign": "sign_sgd signum lion mars_lion rprop",
    "second moment": "adagrad ftrl rmsprop adadelta madgrad",
    "Adam's": "adam adamw amsgrad adamax adamaxw nadam nadamw radam adabelief yogi "
    "adan laprop adopt acprop ademamix simplified_ademamix adam_atan2 stable_adamw "
    "mars optimistic_adam",
    "trust ratio": "lamb lars novograd",
    "lean": "adafactor sm3 came adam_mini",
    "matrix": "muon normuon dion2 scion soap shampoo galore psgd_kron",
    "no rate": "dog dowg prodigy dadapt_adamw polyak_sgd cocob momo momo_adam",
    "schedule-free": "schedule_free_sgd schedule_free_adamw schedule_free_radam",
    "curvature": "sophia lbfgs",
    "around others": "cautious grokfast centralize lookahead sam ema mechanize "
    "hyperball",
}
"""Each optimizer once, and the wrappers around any of them."""

SHAPE = (1024, 4096)


@functools.cache
def _made_by() -> dict[str, str | None]:
    """By the name of each spec the optimizer it is of; None of what is no optimizer."""
    optimizers = {name for name, _ in adamx_optimizers()}
    calls = {spec.name: spec.make().call for spec in SPECS}
    makers = {
        name: call.builder.__name__ if isinstance(call, Call) else None
        for name, call in calls.items()
    }
    return {k: maker if maker in optimizers else None for k, maker in makers.items()}


def specs_of(name: str) -> list[Spec]:
    """The specs of an optimizer or of a wrapper."""

    def of(spec: Spec) -> bool:
        maker = _made_by()[spec.name]
        return maker == name if maker else f"{spec.name}_".startswith(f"{name}_")

    return [spec for spec in SPECS if of(spec)]


def bytes_per_parameter(tx: Transform) -> float:
    """Bytes that the state keeps for a float32 matrix, over its numbers."""
    leaf = jax.ShapeDtypeStruct(SHAPE, jnp.float32)
    return describe(tx, leaf).total.bytes_per_parameter


def shown_bytes(builder: Callable[..., Any]) -> str:
    """Bytes per parameter; with a plus, of a wrapper without what is inside."""
    tx = next(examples(builder))
    call, inner = tx.call, 0.0
    assert isinstance(call, Call)
    for name, parameter in call.bound.signature.parameters.items():
        argument = call.bound.arguments[name]
        if isinstance(argument, Transform) and parameter.default is parameter.empty:
            inner += bytes_per_parameter(argument)
    own = bytes_per_parameter(tx) - inner
    number = "0" if own < 1e-3 else f"{own:.3g}"
    return f"+ {number}" if inner else number


def reference(builder: Callable[..., Any]) -> tuple[str, str]:
    """Authors with the year, and the arXiv number or "", as the docstring has them."""
    text = (inspect.getdoc(builder) or "").partition("Reference:\n")[2]
    first = text.partition("Example:")[0].partition(";")[0]
    text = re.sub(r"\s+", " ", first).strip()
    authors = re.split(r", [\"(]|, (?=\d{4})", text)[0]
    year = re.search(r"\b(19|20)\d\d\b", text)
    arxiv = re.search(r"arXiv:([\d.]+\d)", text)
    words = f"{authors} {year[0]}" if year else authors
    return words, arxiv[1] if arxiv else ""


def oracles(specs: list[Spec]) -> str:
    """The libraries that the specs were compared with, or the paper."""
    libraries = sorted({spec.library for spec in specs if spec.library})
    formula = ["the formula"] if any(spec.library is None for spec in specs) else []
    return ", ".join([*libraries, *formula])


def away(spec: Spec) -> float:
    """How far the optimizer is from its oracle, on every problem it is tried on."""
    tried, paths = subject(spec), references(spec)
    follow = follower(tried)
    with jax.enable_x64(True):
        return float(np.max([deviation(tried, path, follow) for path in paths]))


def names() -> Iterator[tuple[str, str]]:
    """Every row's family and name."""
    for family, members in FAMILIES.items():
        for name in members.split():
            yield family, name


def rows(measured: dict[str, float]) -> Iterator[dict[str, str]]:
    """The rows of the table, without the deviation where it was not measured."""
    for family, name in names():
        builder, specs = public_builders()[name], specs_of(name)
        found = [measured[spec.name] for spec in specs if spec.name in measured]
        words, arxiv = reference(builder)
        yield {
            "optimizer": name,
            "family": family,
            "state": shown_bytes(builder),
            "held against": oracles(specs),
            "away": f"{max(found):.0e}" if found else "",
            "reference": words,
            "arxiv": arxiv,
        }


def table(rows: Iterable[dict[str, str]]) -> str:
    """The table as Markdown."""
    head = ["optimizer", "family", "state", "held against", "away", "reference"]
    cells = [
        [f"`{row['optimizer']}`", *(row[title] for title in head[1:-1]), _link(row)]
        for row in rows
    ]
    return tabulate(cells, head, tablefmt="github", disable_numparse=True)


def _link(row: dict[str, str]) -> str:
    words, arxiv = row["reference"], row["arxiv"]
    return f"[{words}](https://arxiv.org/abs/{arxiv})" if arxiv else words


def write_csv(rows: list[dict[str, str]], file: Path = FILE) -> None:
    """Write the rows for `adamx optimizers`."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    command = parser(__doc__)
    command.add_argument("--only", default="", help="measure names with this in them")
    options = command.parse_args()

    def measured() -> dict[str, float]:
        return {spec.name: away(spec) for spec in SPECS if options.only in spec.name}

    def report(measured: dict[str, float]) -> str:
        found = [*rows(measured)]
        if options.write:
            write_csv(found)
        return table(found)

    publish(options, "benchmarks.catalogue", measured, report)


if __name__ == "__main__":
    main()
