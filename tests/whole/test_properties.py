"""What holds for every tree, every chain and fork, and every way to split them."""

import pickle

import jax
import jax.numpy as jnp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adamx
from adamx.testing.compare import same
from adamx.testing.public import public_names
from tests import strategies
from tests.strategies import anything, elementwise, trees
from tests.trees import assert_same_bits, grads, params, run

# The same examples in every run; compiling takes longer than hypothesis's deadline.
some = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@some
@given(anything)
def test_a_fork_with_one_branch_is_that_branch(tx):
    start = params()
    updates, state = run(tx, start, 2)
    forked, kept = run(adamx.fork(lambda only: only, only=tx), start, 2)
    assert_same_bits(forked, updates)
    assert_same_bits(kept.get("fork", {}).get("only", {}), state)


@some
@given(elementwise, trees())
def test_leaves_are_alone_in_the_world(tx, start):
    treedef = jax.tree.structure(start)
    together, _ = run_on(tx, start)
    alone = [run_on(tx, leaf)[0] for leaf in jax.tree.leaves(start)]
    same(jax.tree.unflatten(treedef, alone), together, "leaves alone", ulps=2)


def run_on(tx, start):
    """Two steps with the parameters as gradients."""
    _, state = tx.update(start, tx.init(start), start)
    return tx.update(start, state, start)


@some
@given(anything)
def test_a_transform_is_the_call_that_made_it(tx):
    names = {**public_names(), **vars(strategies)}
    assert eval(repr(tx), names) == tx
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert hash(eval(repr(tx), names)) == hash(tx)


@some
@given(elementwise, trees(), st.integers(1, 3))
def test_accumulated_batches_are_one_large_batch(tx, start, k):
    start = jax.tree.map(lambda p: p.astype(jnp.float32), start)
    batches = [grads(start, seed) for seed in range(k)]
    mean = jax.tree.map(lambda *g: sum(g) / k, *batches)
    many = adamx.MultiSteps(tx, k)
    state, updates = many.init(start), None
    for g in batches:
        updates, state = many.update(g, state, start)
    large, _ = tx.update(mean, tx.init(start), start)
    # The mean is summed in another order; chains of four pieces carry that on.
    same(updates, large, "the accumulated update", ulps=16)
