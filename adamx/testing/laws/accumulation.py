"""Law 5: accumulating small batches is one large batch."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from adamx.testing.compare import finite, leaves, same
from adamx.testing.law import NotTried, law, require
from adamx.testing.subject import Subject, fresh
from adamx.testing.trees import grads, params

K = 4
LEAF = (512, 512)


@law(5)
def accumulation(subject: Subject) -> None:
    """Accumulating k batches equals one batch k times as large, and costs no more.

    In between updates are zero; the transform inside runs once each k calls; besides
    the accumulator no array as large as a leaf is made; a batch of infinities or NaN is
    forgotten with the step it belongs to.
    """
    if subject.kit.accumulate is None:
        raise NotTried(f"{subject.kit.name} does not accumulate")
    wrapped = subject.kit.accumulate(subject.tx, K)
    start = params()
    batches = [grads(start, seed) for seed in range(2 * K)]
    means = [jax.tree.map(lambda *g: sum(g) / K, *batches[i : i + K]) for i in (0, K)]
    out, _ = subject.run(wrapped, start, batches)
    large, _ = subject.run(subject.tx, start, means)
    for i, updates in enumerate(out):
        if i % K == K - 1:
            # The mean is summed in another order, and the moments of 2 steps with it.
            same(updates, large[i // K], f"the update of call {i + 1}", ulps=16)
        else:
            zero = jax.tree.map(jnp.zeros_like, updates)
            same(updates, zero, f"the update of call {i + 1} in between")
    _runs_once(subject, start, batches)
    _forgets(subject, start, batches)
    _temporaries(subject)


def _runs_once(subject: Subject, start: Any, batches: list[Any]) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    class Counted:
        init = staticmethod(subject.tx.init)

        @staticmethod
        def update(g: Any, state: Any, params: Any = None) -> Any:
            jax.debug.callback(count)
            return subject.apply(subject.tx, g, state, params)

    assert subject.kit.accumulate is not None
    tx = subject.kit.accumulate(Counted(), K)
    state, update = fresh(tx, start), jax.jit(tx.update)
    for g in batches:
        _, state = update(g, state, start)
    jax.effects_barrier()
    times = len(batches) // K
    require(
        calls == times,
        f"the transform inside does not run once each {K} calls",
        expected=f"{times} runs in {len(batches)} calls",
        got=calls,
    )


def _forgets(subject: Subject, start: Any, batches: list[Any]) -> None:
    assert subject.kit.accumulate is not None
    bad = jax.tree.map(lambda g: jnp.full_like(g, jnp.inf), batches[0])
    stateless = subject.kit.chain()
    tx = subject.kit.accumulate(stateless, K)
    state, update = fresh(tx, start), jax.jit(tx.update)
    for g in [bad, *batches[1:K]]:
        _, state = update(g, state, start)
    finite(state, "after a batch of infinities and its step, the state")


def _temporaries(subject: Subject) -> None:
    assert subject.kit.accumulate is not None
    start = {"w": jnp.ones(LEAF)}

    def temporaries(tx: Any) -> int:
        def step(g: Any, state: Any, start: Any) -> Any:
            updates, state = subject.apply(tx, g, state, start)
            return subject.kit.apply_updates(start, updates), state

        state = fresh(tx, start)
        donated = jax.jit(step, donate_argnums=(0, 1, 2))
        with warnings.catch_warnings():
            # That not all of it can be reused is nothing to warn of.
            warnings.filterwarnings("ignore", "Some donated buffers were not usable")
            compiled = donated.lower(start, state, start).compile()
        found = compiled.memory_analysis()
        assert found is not None
        return found.temp_size_in_bytes

    leaf = next(leaves(start))[1].nbytes
    alone = temporaries(subject.tx)
    accumulating = temporaries(subject.kit.accumulate(subject.tx, K))
    require(
        # XLA does not reuse across a cond what the transform itself needs.
        accumulating < 2 * alone + leaf / 2,
        "accumulation makes arrays as large as a leaf",
        expected=f"fewer than twice {alone} B and half a leaf of {leaf} B",
        got=f"{accumulating} B",
    )
