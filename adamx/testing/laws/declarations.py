"""Law 18: what a rule declares of itself is true."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.fork import as_rule
from adamx.core.rule import Rule, iter_rules, locality
from adamx.core.transform import Transform
from adamx.testing.compare import same
from adamx.testing.law import NotTried, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params
from adamx.tree.leaves import is_prng_key


@law(18)
def declarations(subject: Subject) -> None:
    """What a rule declares of itself is true.

    A rule of locality "element" treats each number as if it were alone, and a rule of
    locality "leaf" each leaf. A rule that does not declare that it needs the parameters
    does the same without them. A rule with `averages` emits c in a state of c. Noise
    depends on the position of a number, so rules that draw it must keep the second
    sentence alone.
    """
    rule = _rule(subject)
    start = params()
    inputs = [grads(start, seed) for seed in range(2)]
    together, _ = subject.run(subject.tx, start, inputs)
    if not any(part.needs_params for _, part in iter_rules("", rule)):
        state, update = subject.fresh(start), subject.update
        for g, expected in zip(inputs, together, strict=True):
            updates, state = update(g, state, None)
            same(updates, expected, "an update without parameters", ulps=2)
    if any(map(is_prng_key, jax.tree.leaves(subject.fresh(start)))):
        return
    if locality(rule) == "element":
        _each_number(subject, start, inputs, together)
    else:
        _each_leaf(subject, start, inputs, together)
    if rule.averages:
        _is_average(subject)


def _rule(subject: Subject) -> Rule:
    tx = subject.tx
    rule = as_rule(tx.plan) if isinstance(tx, Transform) else None
    if rule is None:
        raise NotTried("it is not made of rules that act on single arrays")
    return rule.rules[0][1] if len(rule.rules) == 1 else rule


def _each_number(
    subject: Subject, start: Any, inputs: list[Any], together: list[Any]
) -> None:
    """Check that all numbers, as one reversed row, get the same updates."""

    def row(tree: Any) -> Any:
        numbers = jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(tree)])
        return {"row": numbers[::-1]}

    out, _ = subject.run(subject.tx, row(start), [row(g) for g in inputs])
    for updates, expected in zip(out, together, strict=True):
        same(updates, row(expected), "numbers in another order", ulps=2)


def _each_leaf(
    subject: Subject, start: Any, inputs: list[Any], together: list[Any]
) -> None:
    runs = [
        subject.run(subject.tx, {"leaf": p}, [{"leaf": g} for g in column])[0]
        for p, *column in zip(*map(jax.tree.leaves, (start, *inputs)), strict=True)
    ]
    for i, expected in enumerate(together):
        alone = [run[i]["leaf"] for run in runs]
        alone = jax.tree.unflatten(jax.tree.structure(expected), alone)
        same(alone, expected, "leaves on their own and together", ulps=2)


def _is_average(subject: Subject) -> None:
    start = {"w": jnp.ones((2, 3))}
    state = subject.fresh(start)
    constant = jax.tree.map(lambda x: jnp.full_like(x, 3.0), state)
    is_slot = [x.shape == (2, 3) for x in jax.tree.leaves(state)]
    kept = [
        c if slot else x
        for slot, c, x in zip(
            is_slot, jax.tree.leaves(constant), jax.tree.leaves(state), strict=True
        )
    ]
    state = jax.tree.unflatten(jax.tree.structure(state), kept)
    # A statistic of squares averages those: it is given 9 = 3² of itself.
    emitted, _ = subject.update({"w": jnp.full((2, 3), 3.0)}, state, start)
    squares, _ = subject.update({"w": jnp.full((2, 3), 3.0**0.5)}, state, start)
    expected = {"w": jnp.full((2, 3), 3.0)}
    if jnp.allclose(squares["w"], 3.0, rtol=1e-6):
        emitted = squares
    same(emitted, expected, "an average of 3 in a state of 3", ulps=2)
