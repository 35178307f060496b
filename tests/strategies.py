"""Random trees of parameters, random pieces, and what is made of them."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

import adamx


class Layer(NamedTuple):
    kernel: Any
    bias: Any


# Few shapes and dtypes, so that the compiled functions of a leaf are shared.
SHAPES = [(), (3,), (2, 3), (0, 4)]
DTYPES = [jnp.float16, jnp.bfloat16, jnp.float32]


@st.composite
def arrays(draw):
    shape, dtype = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 5)))
    return jnp.asarray(rng.normal(size=shape), dtype)


def trees():
    """Dicts, lists, tuples and NamedTuples, nested and empty, with None among them."""
    leaves = arrays() | st.none()
    return st.recursive(
        leaves,
        lambda inner: (
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
            | st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.builds(Layer, inner, inner)
        ),
        max_leaves=6,
    )


def add(a, b):
    return a + b


def matrices(path, leaf):
    return leaf.ndim > 1


ELEMENTWISE = [
    adamx.clip(0.5),
    adamx.trace(0.9, nesterov=True),
    adamx.scale(-0.3),
    adamx.scale_by_momentum(0.5),
    adamx.add_decayed_weights(0.1),
    adamx.adam(0.1),
    adamx.rmsprop(0.1, centered=True),
]
WIDER = [
    adamx.clip_by_global_norm(0.5),
    adamx.masked(adamx.trace(0.5), matrices),
    adamx.chain(adamx.clip_by_global_norm(2.0), adamx.amsgrad(0.1)),
    adamx.MultiSteps(adamx.scale_by_momentum(0.5), 2),
]


def transforms(pieces):
    """Pieces, and chains and forks of pieces, nested."""
    return st.recursive(
        st.sampled_from(pieces),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda txs: adamx.chain(*txs))
            | st.builds(lambda a, b: adamx.fork(add, a=a, b=b), inner, inner)
        ),
        max_leaves=4,
    )


elementwise = transforms(ELEMENTWISE)
anything = transforms(ELEMENTWISE + WIDER)
