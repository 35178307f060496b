"""Rules on the leaves of a tree."""

import jax.numpy as jnp

import adamx


def test_shared_numbers_are_cast_to_the_dtype_of_each_leaf(x64):
    """A scheduled rate is a float64, which a float32 leaf must not round for others."""
    tx = adamx.sgd(adamx.Schedule(lambda count: jnp.float64(0.1)))
    for narrow, wide in ("ab", "ba"):
        g = {narrow: jnp.float32(1), wide: jnp.float64(1)}
        updates, _ = tx.update(g, tx.init(g))
        assert updates[narrow].dtype == jnp.float32
        assert float(updates[wide]) == -0.1
