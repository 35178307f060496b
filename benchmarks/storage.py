"""Measure states in fewer bits, and parameters of 16: bytes, time, memory, quality.

    python -m benchmarks.storage --write docs/benchmarks.md      # half a minute
    python -m benchmarks.storage --quality --write docs/benchmarks.md  # ten minutes

Bytes are those of the live arrays. A step is gradients in, parameters and state
updated in place, of six leaves of 512 × 1,024; all ways take turns in each repeat, and
figures are medians. Temporaries are what XLA says the program needs besides, in
float32 leaves. The error is the root of the mean square of what a codec loses of
log-normal numbers (σ = 1), relative to that of the numbers, of squares for the second
moment. Quality is the validation loss of the character transformer of
`adamx.racing` after 500 steps of AdamW (peak rate 3e-3, warm-up and cosine), in mean
and standard deviation over three seeds, which are the same for all.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tabulate import tabulate

import adamx
from adamx.racing.tasks.text import text
from benchmarks.document import replace
from benchmarks.step import versions

CODECS = {
    "float32": None,
    "bfloat16()": adamx.bfloat16(),
    "bfloat16(stochastic=True)": adamx.bfloat16(stochastic=True),
    "float8()": adamx.float8(),
    "int8()": adamx.int8(),
    "int8_dynamic()": adamx.int8_dynamic(),
    "int4()": adamx.int4(),
}
LEAVES, SHAPE = 6, (512, 1024)
LEAF = 4 * SHAPE[0] * SHAPE[1]


def stored(tx: Any, name: str, backend: str | None = None) -> Any:
    codec = CODECS[name]
    tx = tx if codec is None else adamx.stored(tx, codec)
    return tx if backend is None else adamx.fused(tx, backend)


class Way:
    """One way to take a step: its program, and its own parameters and state."""

    def __init__(self, name: str, backend: str | None) -> None:
        step = adamx.make_step(stored(adamx.adam(1e-3), name, backend))
        self.params = {str(i): jnp.ones(SHAPE) for i in range(LEAVES)}
        self.state = step.init(self.params)
        self.grads = jax.tree.map(lambda p: 0.1 * p, self.params)
        given = self.params, self.state, self.grads
        jitted = jax.jit(lambda p, s, g: step(p, s, g), donate_argnums=(0, 1))
        self.program = jitted.lower(*given).compile()
        used = self.program.memory_analysis()
        self.temporaries = 0 if used is None else used.temp_size_in_bytes
        self.bytes = sum(x.nbytes for x in jax.tree.leaves(self.state))

    def run(self) -> float:
        start = time.perf_counter()
        for _ in range(3):
            self.params, self.state = self.program(self.params, self.state, self.grads)
        jax.block_until_ready(self.params)
        return (time.perf_counter() - start) / 3


def lost(name: str) -> list[str]:
    """What is lost of a first moment, and of a second one."""
    codec = CODECS[name]
    if codec is None:
        return ["0", "0"]
    rng = np.random.default_rng(0)
    x = rng.normal(size=2**16) * np.exp(rng.normal(size=2**16))
    found = []
    for each, values in ((codec, x), (codec.nonnegative(), x * x)):
        values = jnp.asarray(values, jnp.float32)
        key = jax.random.key(0) if each.draws else None
        back = each.decode(each.encode(values, key), values.shape)
        gap = np.asarray(back, np.float64) - np.asarray(values, np.float64)
        size = np.sqrt(np.mean(gap**2) / np.mean(np.square(values, dtype=np.float64)))
        found.append(f"{size:.1e}")
    return found


def costs(repeats: int) -> str:
    """The table of bytes, errors, temporaries and times."""
    ways: dict[tuple[str, str | None], Way] = {}
    for name, codec in CODECS.items():
        draws = codec is not None and codec.draws
        for backend in (None, "loop"):
            if not (draws and backend) and not (codec is None and backend):
                ways[name, backend] = Way(name, backend)
    times: dict[Any, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for key, way in ways.items():
            times[key].append(way.run())
    base = statistics.median(times["float32", None])
    count = LEAVES * SHAPE[0] * SHAPE[1]
    rows = []
    for name in CODECS:
        row = [name, f"{ways[name, None].bytes / count:.2f}", *lost(name)]
        for backend in (None, "loop"):
            if (name, backend) not in ways:
                row += ["", ""]
                continue
            median = statistics.median(times[name, backend])
            used = ways[name, backend].temporaries / LEAF
            row += [f"{1e3 * median:.1f} ms ({median / base:.1f}×)", f"{used:.2f}"]
        rows.append(row)
    columns = ["codec", "bytes a parameter", "error of μ", "of ν"]
    for way in ("", "in a loop: "):
        columns += [f"{way}step", f"{way}temporaries"]
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True)


def roundings() -> str:
    """What is left of 1 after a thousand steps of a thousandth, in bfloat16."""
    rows = []
    kept = {"nearest": 0, "stochastic": 0, "kahan": 2, "correction": 1}
    for rounding, bytes_ in kept.items():
        step = adamx.make_step(adamx.sgd(1e-3), rounding)
        params = jnp.ones(4096, jnp.bfloat16)
        state = step.init(params)
        ones = jnp.ones(4096, jnp.bfloat16)
        many = jax.jit(
            lambda p, s, step=step, ones=ones: jax.lax.scan(
                lambda c, _: (step(*c, ones), None), (p, s), length=1000
            )[0]
        )
        left = np.asarray(many(params, state)[0], np.float64)
        shown = f"{left.mean():+.4f}", f"{left.std():.4f}"
        rows.append([rounding, f"{2 + bytes_}", *shown])
    columns = ["rounding", "bytes a parameter", "1 − 1,000·0.001", "σ of 4,096"]
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True)


STEPS, SEEDS = 500, 3


def optimizer() -> Any:
    rate = adamx.warmup_cosine_decay_schedule(0.0, 3e-3, 50, STEPS)
    clip = adamx.clip_by_global_norm(1.0)
    return adamx.chain(clip, adamx.adamw(rate, weight_decay=0.1))


def is_embedding(path: str, leaf: Any) -> bool:
    return path.endswith("_embedding")


def trained(task: Any, step: Any, narrow: bool, dtype: Any) -> np.ndarray:
    """The validation losses of all seeds, trained in one program."""

    def loss(params: Any, batch: Any) -> Any:
        if narrow:
            # Weights of bfloat16, arithmetic of float32: rounding is all that differs.
            params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        wide = jax.tree.map(lambda p: p.astype(jnp.float32), params)
        return task.loss(wide, batch)

    def one(seed: Any) -> Any:
        first, data = jax.random.split(jax.random.key(seed))
        params = jax.tree.map(lambda p: p.astype(dtype), task.init(first))

        def once(carry: Any, key: Any) -> Any:
            params, state = carry
            grads = jax.grad(loss)(params, task.draw(key))
            return step(params, state, grads), None

        start = params, step.init(params)
        keys = jax.random.split(data, STEPS)
        (params, _), _ = jax.lax.scan(once, start, keys)
        return loss(params, task.validation)

    return np.asarray(jax.jit(jax.vmap(one))(jnp.arange(SEEDS)))


def quality() -> str:
    """The table of validation losses."""
    task = text()
    runs: dict[str, Callable[[], np.ndarray]] = {}
    for name in CODECS:
        step = adamx.make_step(stored(optimizer(), name))
        runs[f"state: {name}"] = lambda s=step: trained(task, s, False, jnp.float32)
    tx = adamx.stored(optimizer(), adamx.int4(), exclude=is_embedding)
    step = adamx.make_step(tx)
    runs["state: int4(), of embeddings float32"] = lambda s=step: trained(
        task, s, False, jnp.float32
    )
    step = adamx.make_step(optimizer())
    runs["bfloat16 parameters: float32 masters"] = lambda s=step: trained(
        task, s, True, jnp.float32
    )
    for rounding in ("nearest", "stochastic", "kahan", "correction"):
        step = adamx.make_step(optimizer(), rounding)
        runs[f"bfloat16 parameters: {rounding}"] = lambda s=step: trained(
            task, s, True, jnp.bfloat16
        )
    naive = adamx.make_step(stored(optimizer(), "bfloat16()"), "nearest")
    runs["all bfloat16, to the nearest"] = lambda: trained(
        task, naive, True, jnp.bfloat16
    )
    rows, base = [], None
    for name, run in runs.items():
        losses = run()
        if base is None or "masters" in name:
            base = losses
        apart = f"{losses.mean() - base.mean():+.4f}"
        rows.append([name, f"{losses.mean():.4f}", f"{losses.std(ddof=1):.4f}", apart])
        print(rows[-1], flush=True)
    columns = ["", "loss", "sd of seeds", "from float32"]
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quality", action="store_true", help="train; nothing else")
    parser.add_argument("--repeats", type=int, default=10, help="rounds of steps")
    parser.add_argument("--write", type=Path, help="put the tables into this document")
    options = parser.parse_args()
    if options.quality:
        name, tables = "benchmarks.storage --quality", quality()
    else:
        tables = f"{costs(options.repeats)}\n\n{roundings()}"
        name = "benchmarks.storage"
    shown = f"{versions()}\n\n{tables}"
    print(shown)
    if options.write:
        replace(options.write, name, shown)


if __name__ == "__main__":
    main()
