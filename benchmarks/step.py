"""Time Adam in adamx, Optax and PyTorch: trace, lower, compile, step, eager, memory.

    python -m benchmarks.step                  # everything; about ten minutes
    python -m benchmarks.step --trees 400      # only the trees with "400" in the name
    python -m benchmarks.step --json figures.json --write docs/benchmarks.md

All libraries run in one process and take turns in each repeat; figures are medians,
and behind each ratio stands the spread over the repeats, as smallest to largest.
Trace, lower, compile and temporaries are those of a jitted `tx.update(grads, state)`.
A step is gradients in, parameters and state updated in place (buffers donated). An
eager update is `tx.update` outside jit. The memory limit is the time that the traffic
of a float32 Adam step, 7 arrays (g, θ, μ, ν in; θ, μ, ν out), takes at the bandwidth of
a copy measured between the repeats. The limit of compile is the time of a program with
as many outputs that only adds arrays.
"""

import gc
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tabulate import tabulate

import adamx
from benchmarks.command import measure_each, publish, tree_parser
from benchmarks.trees import TREES, random_tree

Times = dict[str, dict[str, list[float]]]
"""By library and quantity, one number a repeat."""

LIBRARIES = {
    "adamx": (adamx.adam(1e-3), adamx.apply_updates),
    "optax": (optax.adam(1e-3), optax.apply_updates),
}
QUANTITIES = ["trace", "lower", "compile", "step", "eager", "temporaries"]


def forget() -> None:
    """Make the next trace a first one: drop jax's caches and those of the library."""
    jax.clear_caches()
    gc.collect()  # not in the middle of it
    for name, module in sys.modules.items():
        if name.startswith("adamx."):
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()


def timed(function: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    out = jax.block_until_ready(function(*args))
    return time.perf_counter() - start, out


class Subject:
    """One optimizer on one tree: compiled once, stepped in turns with the others."""

    def __init__(
        self, tx: Any, apply: Any, params: Any, grads: Any, *, given: bool = False
    ) -> None:
        self.tx, self.given = tx, (params,) if given else ()

        def step(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
            updates, state = self.tx.update(grads, state, params)
            return apply(params, updates), state

        self.grads, self.step = grads, jax.jit(step, donate_argnums=(0, 1))
        self.params = jax.tree.map(jnp.copy, params)
        self.state = self.tx.init(params)

    def stage(self) -> dict[str, float]:
        """Trace, lower and compile the update from nothing."""
        forget()
        arguments = self.grads, self.state, *self.given
        update = jax.jit(lambda *arguments: self.tx.update(*arguments))
        trace, traced = timed(lambda: update.trace(*arguments))
        lower, lowered = timed(traced.lower)
        compile_, compiled = timed(lowered.compile)
        bytes_ = compiled.memory_analysis().temp_size_in_bytes
        return {
            "trace": trace,
            "lower": lower,
            "compile": compile_,
            "temporaries": bytes_,
        }

    def run(self, steps: int) -> float:
        """Seconds of one step, as the mean of a few in a row."""

        def several() -> Any:
            for _ in range(steps):
                self.params, self.state = self.step(self.params, self.state, self.grads)
            return self.params

        return timed(several)[0] / steps

    def eager(self) -> float:
        return timed(self.tx.update, self.grads, self.state, self.params)[0]


def least_compile(params: Any) -> float:
    """Seconds to compile a program of as many inputs and outputs that only adds."""
    three = (params,) * 3

    def add(arrays: Any) -> Any:
        a, b, c = arrays
        pairs = ((a, b), (b, c), (c, a))
        return [jax.tree.map(jax.lax.add, x, y) for x, y in pairs]

    forget()
    return timed(jax.jit(add).lower(three).compile)[0]


class TorchSubject:
    """PyTorch's fused Adam on the same numbers."""

    def __init__(self, params: Any, grads: Any) -> None:
        import torch  # pyright: ignore[reportMissingImports]

        self.torch = torch
        device = "cuda" if jax.default_backend() == "gpu" else "cpu"
        tensors = [torch.tensor(np.asarray(p), device=device) for p in params.values()]
        for tensor, grad in zip(tensors, grads.values(), strict=True):
            tensor.grad = torch.tensor(np.asarray(grad), device=device)
        self.optimizer = torch.optim.Adam(tensors, lr=1e-3, fused=True)
        self.on_gpu = device == "cuda"

    def run(self, steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            self.optimizer.step()
        if self.on_gpu:
            self.torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps


COPIED = 1 << 26


class Copy:
    """The bandwidth of a copy of 256 MiB in place, in bytes a second."""

    def __init__(self) -> None:
        self.x = jnp.zeros(COPIED, jnp.float32)
        self.add = jax.jit(lambda x: x + 1, donate_argnums=0)
        self.x = self.add(self.x)

    def bandwidth(self) -> float:
        seconds, self.x = timed(self.add, self.x)
        return 2 * self.x.nbytes / seconds


def measure(shapes: Any, stages: int, repeats: int) -> tuple[Times, list[float]]:
    """All figures of one tree."""
    params, grads = random_tree(shapes, 0), random_tree(shapes, 1)
    subjects = {
        k: Subject(tx, apply, params, grads) for k, (tx, apply) in LIBRARIES.items()
    }
    times: Times = {name: {q: [] for q in QUANTITIES} for name in subjects}
    times["least"] = {"compile": []}
    for _ in range(stages):
        for name, subject in subjects.items():
            for quantity, seconds in subject.stage().items():
                times[name][quantity].append(seconds)
        times["least"]["compile"].append(least_compile(params))
    runners: dict[str, Any] = dict(subjects)
    if importlib.util.find_spec("torch"):
        runners["torch"] = TorchSubject(params, grads)
        times["torch"] = {"step": []}
    copy = Copy()
    size = sum(p.nbytes for p in params.values())
    steps = max(1, min(20, int(2e8 / max(size, 1))))
    for runner in runners.values():
        runner.run(2)
    limits = []
    for _ in range(repeats):
        for name, runner in runners.items():
            times[name]["step"].append(runner.run(steps))
        limits.append(7 * size / copy.bandwidth())
    for subject in subjects.values():
        subject.eager()
    for _ in range(max(3, repeats // 4)):
        for name, subject in subjects.items():
            times[name]["eager"].append(subject.eager())
    return times, limits


def rows(name: str, times: Times, limits: list[float]) -> list[list[str]]:
    """The table of one tree: a row for each quantity."""
    out = []
    for quantity in QUANTITIES:
        ours, theirs = (times[k][quantity] for k in LIBRARIES)
        row = [name, quantity, shown(quantity, ours), shown(quantity, theirs)]
        row.append(ratio(ours, theirs))
        torch = times.get("torch", {}).get(quantity, [])
        row += [shown(quantity, torch) if torch else "", ratio(ours, torch)]
        bound = {"step": limits, "compile": times["least"]["compile"]}.get(quantity)
        if bound:
            row += [shown(quantity, bound), ratio(ours, bound)]
        out.append(row)
        name = ""
    return out


def shown(quantity: str, values: list[float]) -> str:
    median = statistics.median(values)
    if quantity == "temporaries":
        return f"{median:,.0f} B"
    return f"{median:.2f} s" if median >= 1 else f"{median * 1e3:.3g} ms"


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Ratio of the medians, and in brackets the range of the pairwise ratios."""
    if not theirs:
        return ""
    median = statistics.median(theirs)
    if median == 0:
        return "0/0" if statistics.median(ours) == 0 else "more"
    each = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    middle = statistics.median(ours) / median
    return f"{middle:.2f} ({each[0]:.2f}–{each[-1]:.2f})"


def versions() -> str:
    found = [f"{m.__name__} {m.__version__}" for m in (adamx, jax, optax)]
    if importlib.util.find_spec("torch"):
        import torch  # pyright: ignore[reportMissingImports]

        found.append(f"torch {torch.__version__}")
    found.append(f"Python {platform.python_version()}")
    return f"{', '.join(found)}; {jax.devices()[0].device_kind}, {os.cpu_count()} cores"


def main() -> None:
    options = tree_parser(__doc__, repeats=20).parse_args()

    def of(name: str) -> dict[str, Any]:
        stages = 1 if len(TREES[name]) > 2000 else options.stages
        times, limits = measure(TREES[name], stages, options.repeats)
        return {"times": times, "limits": limits}

    def measured() -> dict[str, Any]:
        trees = measure_each(TREES, options.trees, of)
        return {"versions": versions(), "trees": trees}

    publish(options, "benchmarks.step", measured, report)


def report(found: dict[str, Any]) -> str:
    """The versions and the table, as Markdown."""
    table = [row for name, tree in found["trees"].items() for row in rows(name, **tree)]
    columns = ["adamx", "Optax", "ratio", "PyTorch", "ratio", "limit", "ratio"]
    shown = tabulate(table, ["tree", "", *columns], tablefmt="github")
    return f"{found['versions']}\n\n{shown}"


if __name__ == "__main__":
    main()
