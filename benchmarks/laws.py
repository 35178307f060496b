"""Try the laws of adamx.testing on the optimizers of adamx and of Optax.

    python -m benchmarks.laws                       # the table; about twenty minutes
    python -m benchmarks.laws --only adam           # names with "adam" in them
    python -m benchmarks.laws --json laws.json --write docs/laws.md

The same code tries both libraries. An optimizer keeps a law, breaks it, or there is
nothing to try (no hyperparameter, say); exceptions that adamx declares for itself count
as broken here. Law 17 needs references and is held in tests/optimizers/test_truth.py;
law 18 is of adamx's own rules.
"""

import argparse
import inspect
import json
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
).strip()

import jax
import jax.numpy as jnp
import optax
from tabulate import tabulate
from tqdm import tqdm

import adamx
from adamx.racing.entrants import optimizers
from adamx.testing import (
    EXCEPTIONS,
    GAINS,
    LAWS,
    Kit,
    Subject,
    examples,
    try_laws,
)
from benchmarks.document import replace

OPTAX = Kit(
    "Optax",
    chain=lambda *txs: optax.chain(*txs) if txs else optax.identity(),
    apply_updates=optax.apply_updates,
    clip=optax.clip_by_global_norm,
    trace=optax.trace,
    freeze=optax.freeze,
    accumulate=lambda tx, k: optax.MultiSteps(tx, k).gradient_transformation(),
)
COMPARED = [law for law in LAWS if law.name not in ("truth", "declarations")]
Results = dict[str, dict[str, dict[str, str]]]
"""By library, optimizer and law: "" where it is kept, what was found where not."""

NEED = {
    "value": lambda updates, params: jnp.float32(1.0),
    "grad": lambda updates, params: updates,
    "value_fn": lambda updates, params: (
        lambda p: sum(jnp.sum(x.astype(jnp.float32) ** 2) for x in jax.tree.leaves(p))
    ),
}


NEEDED = {
    "polyak_sgd": ["value"],
    "momo": ["value"],
    "momo_adam": ["value"],
    "lbfgs": ["value", "grad", "value_fn"],
}
RATELESS = {"dog", "dowg", "polyak_sgd"}


def optax_optimizers() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Whatever in Optax makes an optimizer of a learning rate, or of nothing."""
    for module in (optax, optax.contrib):
        for name, builder in vars(module).items():
            if not inspect.isfunction(builder) or name.startswith(("scale", "_")):
                continue
            signature = inspect.signature(builder)
            parameters = signature.parameters.values()
            required = {p.name for p in parameters if p.default is p.empty}
            returns = signature.return_annotation  # dog's and dowg's is missing
            made = returns is signature.empty or "Transformation" in str(returns)
            rate = "learning_rate" in signature.parameters or name in RATELESS
            # sophia is not to be had without a Hessian.
            if made and rate and required <= {"learning_rate"} and name != "sophia":
                yield name, builder


def optax_subject(name: str, builder: Callable[..., Any]) -> Subject:
    signature = inspect.signature(builder)
    numbers = {
        k: p.default
        for k, p in signature.parameters.items()
        if type(p.default) is float
    }
    if "learning_rate" in signature.parameters:
        numbers = {"learning_rate": 0.1, **numbers}
    needed = NEEDED.get(name, [])

    def extra(updates: Any, params: Any) -> dict[str, Any]:
        return {k: NEED[k](updates, params) for k in needed}

    def build(values: Callable[[str, float], Any]) -> Any:
        return builder(**{k: values(k, x) for k, x in numbers.items()})

    return Subject(
        name,
        build(lambda _, x: x),
        kit=OPTAX,
        build=build,
        schedules=False,  # only of learning rates, and those are injected below
        injected=lambda values: optax.inject_hyperparams(builder)(**values),
        extra=extra,
    )


def adamx_optimizers() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Those that can race: dpsgd wants a bound, noise and a key too."""
    yield from optimizers().items()


def adamx_subject(name: str, builder: Callable[..., Any]) -> Subject:
    return Subject.of(next(examples(builder)), name, exceptions={})


SUBJECTS = {
    "adamx": (adamx_optimizers, adamx_subject),
    "Optax": (optax_optimizers, optax_subject),
}


def tried(task: tuple[str, str, list[str]]) -> tuple[str, str, dict[str, str]]:
    """The laws, of those named, that one optimizer keeps and breaks."""
    library, name, wanted = task
    optimizers, subject = SUBJECTS[library]
    laws = [law for law in COMPARED if law.name in wanted]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = try_laws(subject(name, dict(optimizers())[name]), laws)
    return library, name, {**dict.fromkeys(report.kept, ""), **report.broken}


def table(results: Results) -> str:
    """Law × library: kept of tried; and whose laws are broken."""
    rows, broken = [], []
    for law in COMPARED:
        row = [law.number, law.name]
        for library, found in results.items():
            verdicts = {
                n: laws[law.name] for n, laws in found.items() if law.name in laws
            }
            kept = sum(verdict == "" for verdict in verdicts.values())
            row.append(f"{kept} of {len(verdicts)}")
            bad = [f"`{name}`" for name, verdict in verdicts.items() if verdict]
            if bad:
                broken.append([library, law.name, ", ".join(bad)])
        rows.append(row)
    total = ["", "all"]
    for found in results.values():
        verdicts = [verdict for laws in found.values() for verdict in laws.values()]
        total.append(f"{verdicts.count('')} of {len(verdicts)}")
    first = tabulate([*rows, total], ["", "law", *results], tablefmt="github")
    second = tabulate(broken, ["library", "law", "broken by"], tablefmt="github")
    found = results.get("Optax", {}).get("adam", {})
    first_words = [
        [k, v.split(": ", 1)[-1].split("\n")[0]] for k, v in found.items() if v
    ]
    third = tabulate(first_words, ["law", "found in Optax's adam"], tablefmt="github")
    versions = f"adamx {adamx.__version__}, Optax {optax.__version__}"
    return f"{versions}: laws kept of laws tried\n\n{first}\n\n{second}\n\n{third}"


def statutes() -> str:
    """Every law and every declared exception, as Markdown."""
    laws = [f"**{law.number}. {law.name}.** {law.text}" for law in LAWS]
    rows = [
        [f"`{builder}`", law, reason]
        for builder, exceptions in EXCEPTIONS.items()
        for law, reason in exceptions.items()
    ]
    exceptions = tabulate(rows, ["transform", "law", "because"], tablefmt="github")
    rows = [[f"`{builder}`", *gain] for builder, gain in GAINS.items()]
    gains = tabulate(rows, ["transform", "by", "because"], tablefmt="github")
    return "\n\n".join(
        [
            *["## What they say", *laws],
            *["## Transforms that cannot keep a law", exceptions],
            *["## Transforms that multiply rounding errors", MULTIPLIES, gains],
        ]
    )


MULTIPLIES = """Where laws allow for units in the last place of float32, these may be so
many times as many units away."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="names with this in them")
    parser.add_argument("--library", choices=SUBJECTS, help="only this one")
    parser.add_argument("--laws", nargs="*", default=[], help="only these, by name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, help="write all that was found here")
    parser.add_argument("--read", type=Path, help="begin with such findings")
    parser.add_argument("--try", dest="tries", action="store_true", help="then try")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    options = parser.parse_args()
    results: Results = {library: {} for library in SUBJECTS}
    if options.read:
        results = json.loads(options.read.read_text())
    if options.tries or not options.read:
        wanted = options.laws or [law.name for law in COMPARED]
        tasks = [
            (library, name, wanted)
            for library, (optimizers, _) in SUBJECTS.items()
            if options.library in (None, library)
            for name, _ in optimizers()
            if options.only in name
            and not (options.laws and options.read and name not in results[library])
        ]
        context = multiprocessing.get_context("spawn")
        # A fresh process now and then: XLA keeps what it has compiled.
        with context.Pool(options.jobs, maxtasksperchild=4) as pool:
            done = pool.imap_unordered(tried, tasks)
            for library, name, found in tqdm(done, total=len(tasks)):
                results[library][name] = results[library].get(name, {}) | found
        results = {k: dict(sorted(v.items())) for k, v in results.items()}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    print(table(results))
    if options.write:
        replace(options.write, "laws", statutes())
        replace(options.write, "benchmarks.laws", table(results))


if __name__ == "__main__":
    main()
