"""Each law finds what it is there to find, and says where."""

import dataclasses
import unittest
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.testing import (
    ADAMX,
    LAWS,
    Kit,
    NotTried,
    Subject,
    TransformLaws,
    Violation,
    check_transform,
    trajectory,
    try_laws,
)
from adamx.testing.compare import close

LAW = {law.name: law for law in LAWS}


def of(step, init=lambda params: (), **options):
    """A transform written without any care: `step(g, state, p)` on each leaf."""

    class Careless:
        init: staticmethod
        update: staticmethod

    def update(updates, state, params=None):
        if init(None) == ():
            return jax.tree.map(lambda g, p: step(g, p), updates, params), state
        pairs = jax.tree.map(step, updates, state, params)
        is_pair = lambda x: isinstance(x, tuple)  # noqa: E731
        first, second = (
            jax.tree.map(lambda pair, i=i: pair[i], pairs, is_leaf=is_pair)
            for i in (0, 1)
        )
        return first, second

    Careless.init, Careless.update = staticmethod(init), staticmethod(update)
    return Subject.of(Careless(), "careless", **options)


def zeros(params):
    return None if params is None else jax.tree.map(jnp.zeros_like, params)


def average(g, mu, p):
    mu = 0.999 * mu + (1 - 0.999) * g**2
    return g / jnp.sqrt(mu), mu


def noisy(g, p):
    return g + np.random.default_rng().normal()


def built(make) -> dict[str, Any]:
    return {"build": lambda values: make(values("rate", 0.1))}


class Twin:
    """Keeps one array under two names."""

    @staticmethod
    def init(params):
        zero = jax.tree.map(jnp.zeros_like, params)
        return {"a": zero, "b": zero}

    @staticmethod
    def update(updates, state, params=None):
        return updates, state


class Counting:
    """Multiplies by a count that wraps round."""

    @staticmethod
    def init(params):
        return jnp.zeros((), jnp.int32)

    @staticmethod
    def update(updates, state, params=None):
        return updates, state + 1


class Gathering:
    """Leaves its state wherever its own zeros are."""

    @staticmethod
    def init(params):
        return jax.tree.map(lambda p: jnp.zeros(p.shape, p.dtype), params)

    @staticmethod
    def update(updates, state, params=None):
        return updates, jax.tree.map(jnp.add, state, updates)


class Keeping:
    """Keeps every state that it was ever given."""

    kept: ClassVar[list] = []

    @staticmethod
    def init(params):
        return jax.tree.map(jnp.zeros_like, params)

    @classmethod
    def update(cls, updates, state, params=None):
        cls.kept.append(state)
        return updates, jax.tree.map(jnp.add, state, updates)


class Paired:
    """Keeps a pair in the place of each leaf."""

    @staticmethod
    def init(params):
        return jax.tree.map(lambda p: (jnp.zeros(p.shape), jnp.zeros(())), params)

    @staticmethod
    def update(updates, state, params=None):
        return updates, state


class Zeroing:
    """Takes an absent gradient for zero."""

    tx = adamx.trace(0.9)
    init = staticmethod(tx.init)

    @staticmethod
    def update(updates, state, params):
        is_none = lambda x: x is None  # noqa: E731
        zero = jax.tree.map(jnp.zeros_like, params)
        whole = jax.tree.map(
            lambda g, z: z if g is None else g, updates, zero, is_leaf=is_none
        )
        out, state = Zeroing.tx.update(whole, state, params)
        return jax.tree.map(
            lambda g, u: None if g is None else u, updates, out, is_leaf=is_none
        ), state


class FalseElement(adamx.Rule):
    """Declares by default that it acts on each number, and does not."""

    def step(self, g, slots, shared, param):
        return g / jnp.max(jnp.abs(g)), slots


class AbsoluteEpsilon(adamx.Rule):
    """Declares to be free of scale, and is for ordinary gradients alone."""

    locality = "leaf"

    def degree(self):
        return 0

    def step(self, g, slots, shared, param):
        return g / (jnp.max(jnp.abs(g)) + 1e-8), slots


class EveryCall:
    """Accumulates by running the inner transform in each call."""

    def __init__(self, tx, k):
        self.tx, self.k = tx, k

    def init(self, params):
        return (
            jnp.zeros((), jnp.int32),
            jax.tree.map(jnp.zeros_like, params),
            (self.tx.init(params)),
        )

    def update(self, updates, state, params=None):
        count, total, inner = state
        total = jax.tree.map(lambda t, g: t + g / self.k, total, updates)
        out, new = self.tx.update(total, inner, params)
        last = count == self.k - 1

        def select(a, b):
            return jax.tree.map(partial(jnp.where, last), a, b)

        return (
            select(out, jax.tree.map(jnp.zeros_like, out)),
            (
                (count + 1) % self.k,
                select(jax.tree.map(jnp.zeros_like, total), total),
                select(new, inner),
            ),
        )


def kit(**changed):
    return Kit(**{**vars(ADAMX), "name": "changed", **changed})


SGD = adamx.sgd(0.1)
WRONG = {
    "precision": of(average, zeros),
    "hyperparameters": of(
        lambda g, p: g, **built(lambda x: adamx.sgd(jnp.bfloat16(x).astype(float)))
    ),
    "fixed_point": of(average, zeros),
    "finite": of(lambda g, p: g / jnp.abs(g)),
    "accumulation": Subject.of(SGD, kit=kit(accumulate=EveryCall)),
    "freezing": Subject.of(
        SGD, kit=kit(freeze=lambda mask: adamx.masked(adamx.scale(0.0), mask))
    ),
    "norms": of(lambda g, p: g / jnp.sqrt(jnp.sum(g**2))),
    "differentiable": of(lambda g, p: jnp.sqrt(g**2)),
    "donation": Subject.of(Twin()),
    "odd_leaves": of(lambda g, p: g / g.shape[0]),
    "errors": of(lambda g, p: g + p),
    "transformations": of(lambda g, p: g if float(jnp.sum(g)) > 0 else -g),
    "composition": Subject.of(
        SGD, kit=kit(chain=lambda *txs: adamx.chain(*txs, adamx.clip(1e-3)))
    ),
    "determinism": of(noisy),
    "long_runs": Subject.of(Counting()),
    "sharding": Subject.of(Gathering()),
    "truth": Subject.of(
        adamx.sgd(0.2),
        references=(
            trajectory(
                lambda params, grads: {
                    k: params[k] - 0.1 * np.cumsum([g[k] for g in grads], 0)
                    for k in params
                },
                0,
            ),
        ),
    ),
    "declarations": Subject.of(adamx.lift(FalseElement())),
    "identity": Subject.of(
        SGD, build=lambda values: adamx.sgd(lambda count: values("rate", 0.1))
    ),
    "memory": Subject.of(Keeping()),
    "innermost_trees": Subject.of(Paired()),
    "absent_gradients": Subject.of(Zeroing()),
    "scale": Subject.of(adamx.lift(AbsoluteEpsilon())),
    "promotion": of(lambda g, p: g * (g > 0)),
}


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_each_law_can_be_broken(law):
    with pytest.raises(Violation) as violation:
        law.check(WRONG[law.name])
    assert f"law {law.number}, {law.name}" in str(violation.value)


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_the_path_of_a_reference_is_not_left_by_a_nan_in_any_leaf(axes):
    rate = np.float32(0.1)  # of shape (), so that float64 adds nothing
    path = trajectory(
        lambda params, grads: {
            k: params[k] - rate * np.cumsum([g[k] for g in grads], 0) for k in params
        },
        0,
    )
    nan = of(lambda g, p: jnp.where(p.ndim == axes, jnp.nan, -rate * g))
    with pytest.raises(Violation, match="nan of a step away"):
        LAW["truth"].check(dataclasses.replace(nan, references=(path,)))


def test_a_violation_says_which_law_which_leaf_expected_and_got():
    with pytest.raises(Violation) as violation:
        LAW["precision"].check(WRONG["precision"])
    text = str(violation.value)
    for words in ("careless breaks law 1, precision", "where:", "expected:", "got:"):
        assert words in text
    assert "float32 at the least" in text
    assert "float16" in text


@pytest.mark.parametrize("got", [np.nan, np.inf, 1.1, -1.0])
def test_a_comparison_takes_nothing_else_for_a_number(got):
    x, y = np.array([2.0, got]), np.array([2.0, 1.0])
    with pytest.raises(Violation, match=r"index \(1,\)"):
        close(x, y, "numbers", "['w']", 1e-3)
    with pytest.raises(Violation):
        close(y, x if np.isfinite(got) else np.array([2.0, 9.0]), "", "", 1e-3)
    close(x, x, "the same", "['w']", 0)


def test_check_transform_reports_what_it_tried():
    report = check_transform(adamx.scale(0.5), laws=["finite", "truth"])
    assert report.kept == ["finite"]
    assert report.not_tried == {"truth": "no reference is given"}
    with pytest.raises(ValueError, match="no such law"):
        check_transform(adamx.scale(0.5), laws=["finit"])


def test_check_transform_tells_all_that_is_broken():
    with pytest.raises(Violation) as violation:
        check_transform(optax.adam(0.1), laws=["precision", "finite", "donation"])
    text = str(violation.value)
    assert "law 1, precision" in text
    assert "law 4, finite" in text
    assert "1 law kept" in text


def test_exceptions_are_not_tried():
    subject = Subject.of(Twin(), exceptions={"donation": "twins share"})
    report = try_laws(subject, [LAW["donation"]])
    assert report.not_tried == {"donation": "twins share"}
    assert "twins share" in str(report)


def test_extra_arguments_are_given():
    class Polyak(adamx.Rule):
        needs = ("value",)

        def shared(self):
            return {"value": jnp.zeros(())}

        def advance(self, shared, *, value):
            return {"value": jnp.float32(value)}

        def step(self, g, slots, shared, param):
            return g * shared["value"], slots

    tx = adamx.lift(Polyak())
    assert try_laws(Subject.of(tx), [LAW["finite"], LAW["fixed_point"]]).broken == {}


def test_the_class_has_a_test_for_each_law():
    class TestScale(TransformLaws):
        tx = adamx.scale(0.5)

    names = unittest.defaultTestLoader.getTestCaseNames(TestScale)
    assert {f"test_{law.name}" for law in LAWS} == set(names)
    result = unittest.TestResult()
    chosen = ["test_donation", "test_truth", "test_determinism"]
    unittest.TestSuite(map(TestScale, chosen)).run(result)
    assert (result.testsRun, len(result.skipped)) == (3, 1)
    assert result.wasSuccessful()

    class TestTwin(TransformLaws):
        tx = Twin()

    result = unittest.TestResult()
    TestTwin("test_donation").run(result)
    assert "share a buffer" in result.failures[0][1]


def test_a_law_that_needs_devices_says_so(monkeypatch):
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: one)
    with pytest.raises(NotTried, match="XLA_FLAGS"):
        LAW["sharding"].check(Subject.of(SGD))
