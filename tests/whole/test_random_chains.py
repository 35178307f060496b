"""Random chains of public pieces and wrappers, on random trees of parameters.

The quick tier tries 200 examples, the thorough tier 10,000. Steps run operation by
operation, because each chain is a program of its own that would run once.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import adamx
from adamx.core.fork import as_rule
from adamx.testing import EXCEPTIONS, Subject, examples, public_builders
from adamx.testing.compare import alike, close, finite, leaves
from tests.strategies import add, matrices, trees
from tests.tiers import full
from tests.trees import assert_same_bits, grads

WRAPPERS = {
    "MultiSteps": lambda tx: adamx.MultiSteps(tx, 2),
    "apply_if_finite": lambda tx: adamx.apply_if_finite(tx, 3),
    "as_matrices": lambda tx: adamx.as_matrices(tx) if as_rule(tx.plan) else tx,
    "cautious": adamx.cautious,
    "fork": lambda tx: adamx.fork(add, a=tx, b=adamx.trace(0.5)),
    "lookahead": lambda tx: adamx.lookahead(tx, 2, 0.5),
    "masked": lambda tx: adamx.masked(tx, matrices),
    "skip_large_updates": lambda tx: adamx.skip_large_updates(tx, 100.0),
}
"""Builders of transforms around a drawn one."""

SEARCHES = ("lbfgs", "scale_by_lbfgs")
SEARCHES += ("scale_by_backtracking_linesearch", "scale_by_zoom_linesearch")
OF_LOSS = "it evaluates a loss of all parameters, which a random chain has not"
OF_BATCH = "it takes an axis of examples that other pieces do not have"
LEFT_OUT = {
    **dict.fromkeys(SEARCHES, OF_LOSS),
    "sam": OF_LOSS,
    "differentially_private_aggregate": OF_BATCH,
    "dpsgd": OF_BATCH,
    "fused": "interpreted kernels take a second for a leaf",
}
"""The public builders that random chains do not have, and why."""

PIECES = {
    name: next(examples(builder))
    for name, builder in public_builders().items()
    if name not in LEFT_OUT
}


# In a container, because None as parameters says that there are none.
parameters = st.tuples(trees())


def transforms(law):
    """Draw three to six pieces and wrapped pieces, all of which keep a law."""
    names = [name for name in PIECES if law not in EXCEPTIONS.get(name, {})]
    if law == "freezing":
        # Frozen leaves count in the loss that these are given.
        names = [name for name in names if not PIECES[name].plan.facts.needs]
    piece = st.sampled_from(names).map(PIECES.__getitem__)
    wrapped = st.builds(
        lambda name, tx: WRAPPERS[name](tx), st.sampled_from([*WRAPPERS]), piece
    )
    return st.lists(piece | wrapped, min_size=3, max_size=6)


def tried(law):
    """Run a property on 20 examples, or in the thorough tier on 2,000."""

    def both(check):
        @pytest.mark.parametrize("examples", [20, full(2_000)])
        def test(examples):
            settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                # To shrink a failing example would take a hundred more.
                phases=[Phase.generate],
                suppress_health_check=[
                    HealthCheck.too_slow,
                    HealthCheck.data_too_large,
                ],
            )(given(transforms(law), parameters, st.data())(check))()

        test.__doc__ = check.__doc__
        return test

    return both


def stepped(pieces, start, inputs):
    """Return the updates of each step and the last state, without jit."""
    subject = Subject.of(adamx.chain(*pieces))
    with jax.disable_jit():
        return subject.run(subject.tx, start, inputs)


@tried("fixed_point")
def test_the_state_is_a_fixed_point(pieces, start, data):
    """Require the state and the updates to keep their structure and dtypes."""
    subject = Subject.of(adamx.chain(*pieces))

    def step(start, gradient):
        state = subject.init(start)
        return state, *subject.update(gradient, state, start)

    before, updates, after = jax.eval_shape(step, start, grads(start))
    alike(after, before, "the state", weak=True)
    alike(updates, jax.eval_shape(lambda: start), "the updates")


@tried("finite")
def test_finite_gradients_make_finite_updates(pieces, start, data):
    """Require finite updates and states of zeros and of ordinary gradients."""
    zeros = jax.tree.map(jnp.zeros_like, start)
    inputs = [grads(start), zeros, grads(start, 1)]
    if data.draw(st.booleans()):
        inputs = inputs[1:]
    out, state = stepped(pieces, start, inputs)
    finite(out, "an update")
    finite(state, "the state")


@tried("freezing")
def test_a_frozen_leaf_is_as_if_it_were_not_there(pieces, start, data):
    """Require a zero update and no state for it, and the others' as without it."""
    arrays, treedef = jax.tree.flatten(start)
    size = len(arrays)
    frozen = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    freeze = adamx.freeze(treedef.unflatten(frozen))
    at = data.draw(st.integers(0, len(pieces)))
    gradients = jax.tree.leaves(grads(start))
    held, state = stepped(
        [*pieces[:at], freeze, *pieces[at:]], start, [treedef.unflatten(gradients)]
    )

    def rest(leaves):
        kept = zip(leaves, frozen, strict=True)
        return treedef.unflatten([None if no else leaf for leaf, no in kept])

    moving, alone = stepped(pieces, rest(arrays), [rest(gradients)])
    assert_same_bits(state, alone)
    updates = treedef.flatten_up_to(held[0])
    expected = treedef.flatten_up_to(moving[0])
    for no, leaf, got, right in zip(frozen, arrays, updates, expected, strict=True):
        assert_same_bits(got, jnp.zeros_like(leaf) if no else right)


@tried("absent_gradients")
def test_a_leaf_without_a_gradient_has_no_update(pieces, start, data):
    """Require None for it, and a state of the same structure, shapes and dtypes."""
    arrays, treedef = jax.tree.flatten(start)
    size = len(arrays)
    absent = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    rows = zip(jax.tree.leaves(grads(start)), absent, strict=True)
    gradient = treedef.unflatten([None if no else g for g, no in rows])
    subject = Subject.of(adamx.chain(*pieces))
    state = jax.eval_shape(subject.init, start)
    updates, after = jax.eval_shape(subject.update, gradient, state, start)
    alike(after, state, "the state", weak=True)
    alike(updates, gradient, "the updates")


@tried("composition")
def test_a_chain_can_be_split_anywhere(pieces, start, data):
    """Require the same bits of chain(*a, *b) and of chain(chain(*a), chain(*b))."""
    at = data.draw(st.integers(0, len(pieces)))
    inputs = [grads(start), grads(start, 1)]
    whole = stepped(pieces, start, inputs)
    parts = [adamx.chain(*pieces[:at]), adamx.chain(*pieces[at:])]
    assert_same_bits(stepped(parts, start, inputs), whole)


@tried("transformations")
def test_jit_is_no_jit(pieces, start, data):
    """Require the same numbers with and without jit, in float64.

    A chain may multiply rounding by the slopes of six pieces. In float64 that leaves
    1e-6 of the largest number, while a mistake is of the size of the numbers.
    """
    with jax.enable_x64(True):
        start = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), jnp.float64), start)
        inputs = [grads(start), grads(start, 1)]
        expected, _ = stepped(pieces, start, inputs)
        subject = Subject.of(adamx.chain(*pieces))
        got, _ = subject.run(subject.tx, start, inputs)
        for (where, a), (_, b) in zip(leaves(got), leaves(expected), strict=True):
            close(a, b, "jit and no jit", where, 1e-6)
