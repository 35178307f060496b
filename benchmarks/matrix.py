"""Time Muon in adamx, with leaves stacked and not, and in Optax.

    python -m benchmarks.matrix                # everything; about five minutes
    python -m benchmarks.matrix --trees 300    # only the trees with "300" in the name
    python -m benchmarks.matrix --json figures.json --write docs/benchmarks.md

All do the same to the same leaves: five steps of Newton-Schulz with the same numbers to
the hidden matrices, in float32, and Adam with Nesterov's momentum to the rest. They
run in one process and take turns in each repeat; figures are medians, and behind each
ratio stands the spread over the repeats, as smallest to largest. A step is gradients
in, parameters and state updated in place (buffers donated). Trace, lower, compile and
temporaries are those of a jitted `tx.update(grads, state, params)`. The limit of
temporaries is the largest stack, that of a step the time of a program that does nothing
but its products of matrices, measured between the repeats.
"""

import collections
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from tabulate import tabulate

import adamx
from benchmarks.command import measure_each, publish, tree_parser
from benchmarks.step import Subject, Times, ratio, shown, timed, versions
from benchmarks.trees import Shapes, random_tree, small_matrices, transformer

TREES: dict[str, Shapes] = {
    "12 layers, width 256": transformer(256, 12, 4096, 256),
    "300 matrices": small_matrices(75),
}
WAYS = ["loop", "vmap", "off"]
"""How adamx stacks; beside them is Optax."""
QUANTITIES = ["trace", "compile", "both", "step", "temporaries"]
RATE = 0.02


def hidden(params: Any) -> dict[str, bool]:
    """Which leaves are matrices, for both libraries."""
    return {
        name: hasattr(p, "shape") and adamx.is_hidden_matrix(name, p)
        for name, p in params.items()
    }


def ours(way: str) -> adamx.Transform:
    """Muon as Optax has it: each part of Nesterov's momentum bias corrected."""
    stacked: Any = None if way == "off" else way
    return adamx.muon(
        RATE,
        bias_corrected=True,
        orthogonalize=adamx.orthogonalize(stacked=stacked),
        rest=adamx.adam(RATE, nesterov=True),
    )


def theirs() -> Any:
    whole = optax.contrib.MuonDimensionNumbers()

    def matrices(params: Any) -> dict[str, Any]:
        return {name: whole if is_ else None for name, is_ in hidden(params).items()}

    return optax.contrib.muon(RATE, muon_weight_dimension_numbers=matrices)


def subjects(params: Any, grads: Any) -> dict[str, Subject]:
    """What takes turns."""
    made: dict[str, Any] = {way: (ours(way), adamx.apply_updates) for way in WAYS}
    made["optax"] = theirs(), optax.apply_updates
    return {
        name: Subject(tx, apply, params, grads, given=True)
        for name, (tx, apply) in made.items()
    }


def kinds(shapes: Shapes) -> dict[tuple[int, ...], int]:
    """How many matrices there are of each shape."""
    leaves = {k: jax.ShapeDtypeStruct(s, jnp.float32) for k, s in shapes.items()}
    return collections.Counter(shapes[k] for k, is_ in hidden(leaves).items() if is_)


class Products:
    """The products of matrices of a step, and nothing besides."""

    def __init__(self, shapes: Shapes) -> None:
        self.stacks = [
            jnp.full((number, *sorted(kind)), 1e-3)
            for kind, number in kinds(shapes).items()
        ]
        self.program = jax.jit(functools.partial(jax.lax.map, self._five))
        self.seconds()

    @staticmethod
    def _five(x: jax.Array) -> jax.Array:
        for _ in range(5):
            square = x @ x.T
            x = (square @ square) @ x
        return x

    def seconds(self) -> float:
        return sum(timed(self.program, stack)[0] for stack in self.stacks)


def largest_stack(shapes: Shapes) -> int:
    """The bytes of all matrices of one shape, where they are most."""
    return max(4 * n * math.prod(kind) for kind, n in kinds(shapes).items())


def measure(shapes: Shapes, stages: int, repeats: int) -> dict[str, Any]:
    """All figures of one tree."""
    params, grads = random_tree(shapes, 0), random_tree(shapes, 1)
    each = subjects(params, grads)
    times: Times = {name: {q: [] for q in QUANTITIES} for name in each}
    for _ in range(stages):
        for name, subject in each.items():
            found = subject.stage()
            found["compile"] += found.pop("lower")
            found["both"] = found["trace"] + found["compile"]
            for quantity, value in found.items():
                times[name][quantity].append(value)
    for subject in each.values():
        subject.run(1)
    products, limits = Products(shapes), []
    for _ in range(repeats):
        for name, subject in each.items():
            times[name]["step"].append(subject.run(1))
        limits.append(products.seconds())
    limit = {"step": limits, "temporaries": [largest_stack(shapes)] * stages}
    return {"times": times, "limits": limit}


def rows(name: str, times: Times, limits: dict[str, list[float]]) -> list[list[str]]:
    """The table of one tree: a row for each quantity."""
    out = []
    for quantity in QUANTITIES:
        row, base = [name, quantity], times["optax"][quantity]
        for way in WAYS:
            found = times[way][quantity]
            row += [shown(quantity, found), ratio(found, base)]
        bound = limits.get(quantity)
        row += [shown(quantity, base), shown(quantity, bound) if bound else ""]
        out.append(row)
        name = ""
    return out


def report(found: dict[str, Any]) -> str:
    """The versions and the table, as Markdown."""
    table = [row for name, tree in found["trees"].items() for row in rows(name, **tree)]
    columns = [x for way in WAYS for x in (way, "of Optax")]
    head = ["tree", "", *columns, "Optax", "limit"]
    return f"{found['versions']}\n\n{tabulate(table, head, tablefmt='github')}"


def main() -> None:
    options = tree_parser(__doc__, repeats=15).parse_args()

    def of(name: str) -> dict[str, Any]:
        return measure(TREES[name], options.stages, options.repeats)

    def measured() -> dict[str, Any]:
        trees = measure_each(TREES, options.trees, of)
        return {"versions": versions(), "trees": trees}

    publish(options, "benchmarks.matrix", measured, report)


if __name__ == "__main__":
    main()
