"""Law 12: an update is the same under every transformation of JAX."""

import unittest
from typing import Any

import chex
import jax
import jax.numpy as jnp

from adamx.testing.compare import alike, same
from adamx.testing.law import NotTried, Violation, law
from adamx.testing.subject import Subject, fresh
from adamx.testing.trees import grads, params, stacked


@law(12)
def transformations(subject: Subject) -> None:
    """An update is the same under every transformation of JAX.

    jit and no jit differ by 2 units in the last place at most; chex's variants with and
    without jit and device agree; `lax.scan` equals the loop; `vmap` over members of an
    ensemble and over hyperparameters equals one by one; `init` works under `eval_shape`
    and on abstract arrays.
    """
    start = params()
    inputs = [grads(start, seed) for seed in range(3)]
    expected, last = subject.run(subject.tx, start, inputs)
    _no_jit(subject, start, inputs)
    _variants(subject, start, inputs[0])

    def step(state: Any, g: Any) -> Any:
        return subject.apply(subject.tx, g, state, start)[::-1]

    state, scanned = jax.jit(lambda s, g: jax.lax.scan(step, s, g))(
        subject.fresh(start), stacked(inputs)
    )
    # Three steps, each compiled twice over: 2 units each.
    same(state, last, "scan and loop: the state", ulps=6)
    same(scanned, stacked(expected), "scan and loop: the updates", ulps=6)
    _ensemble(subject, inputs)
    _rates(subject, start, inputs)
    abstract = jax.eval_shape(lambda: start)
    shapes = jax.eval_shape(subject.init, start)
    alike(shapes, subject.init(start), "init under eval_shape")
    alike(subject.init(abstract), shapes, "init on abstract arrays")


def _no_jit(subject: Subject, start: Any, inputs: list[Any]) -> None:
    """Check steps with and without jit from the same states, within 2 units each."""
    state = subject.fresh(start)
    for g in inputs[:2]:
        updates, after = subject.update(g, state, start)
        with jax.disable_jit():
            eager = subject.apply(subject.tx, g, state, start)
        same(updates, eager[0], "jit and no jit: the updates", ulps=2)
        same(after, eager[1], "jit and no jit: the state", ulps=2)
        state = after


def _variants(subject: Subject, start: Any, gradient: Any) -> None:
    state = subject.fresh(start)
    expected = subject.update(gradient, state, start)

    class Variants(chex.TestCase):
        @chex.variants(  # pyright: ignore
            with_jit=True, without_jit=True, with_device=True, without_device=True
        )
        def test_update(self) -> None:
            @self.variant  # pyright: ignore
            def update(g: Any, state: Any, start: Any) -> Any:
                return subject.apply(subject.tx, g, state, start)

            kind = self.variant.type.name.lower()  # pyright: ignore
            got = update(gradient, state, start)
            same(got, expected, f"chex's variant {kind}", ulps=2)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Variants).run(result)
    for _, text in [*result.failures, *result.errors]:
        raise Violation(text[text.rfind("Violation:") :].strip())


def _ensemble(subject: Subject, inputs: list[Any]) -> None:
    members = [params(), jax.tree.map(lambda p: 2 * p + 1, params())]

    state = jax.vmap(subject.init)(stacked(members))
    together = jax.jit(jax.vmap(subject.update, in_axes=(None, 0, 0)))
    apart = [subject.fresh(start) for start in members]
    for g in inputs[:2]:
        updates, state = together(g, state, stacked(members))
        pairs = zip(apart, members, strict=True)
        alone = [subject.update(g, kept, start) for kept, start in pairs]
        apart = [kept for _, kept in alone]
        same((updates, state), stacked(alone), "vmap over an ensemble", ulps=4)


def _rates(subject: Subject, start: Any, inputs: list[Any]) -> None:
    try:
        numbers = subject.numbers()
    except NotTried:
        return
    rows = [{k: jnp.float32(x * f) for k, x in numbers.items()} for f in (1, 0.5)]

    def given(values: Any) -> Any:
        return subject.rebuilt(lambda name, _: values[name])

    @jax.jit
    @jax.vmap
    def together(values: Any, state: Any) -> Any:
        return subject.apply(given(values), inputs[0], state, start)

    states = [fresh(given(values), start) for values in rows]
    pairs = zip(rows, states, strict=True)
    alone = [subject.apply(given(v), inputs[0], s, start) for v, s in pairs]
    out = together(stacked(rows), stacked(states))
    same(out, stacked(alone), "vmap over hyperparameters", ulps=4)
