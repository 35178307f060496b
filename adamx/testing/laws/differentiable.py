"""Law 8: one can differentiate through an update."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.testing.compare import finite
from adamx.testing.law import NotTried, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(8)
def differentiable(subject: Subject) -> None:
    """Derivatives through updates are finite, at zero gradients too.

    With respect to the gradients, the parameters and the hyperparameters, through two
    steps, as meta-learning takes them.
    """
    start = params()
    normal = grads(start)
    zero = jax.tree.map(jnp.zeros_like, normal)
    some = jax.tree.map(lambda g: jnp.where(g > 0, g, 0.0), normal)
    try:
        values = {name: jnp.float32(x) for name, x in subject.numbers().items()}
    except NotTried:
        values = {}

    def loss(first: Any, second: Any, start: Any, values: Any) -> jax.Array:
        tx = subject.tx
        if values:
            tx = subject.rebuilt(lambda name, _: values[name])
        state, total = tx.init(start), jnp.float32(0)
        for g in (first, second):
            updates, state = subject.apply(tx, g, state, start)
            total += sum(jnp.sum(u**2) + jnp.sum(u) for u in jax.tree.leaves(updates))
        return total

    slopes = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))
    names = ("first gradient", "second gradient", "parameters", "hyperparameters")
    for what, first, second in (
        ("zeros", zero, zero),
        ("zeros, then ordinary gradients", zero, normal),
        ("gradients with zeros in them", some, normal),
    ):
        for name, slope in zip(
            names, slopes(first, second, start, values), strict=True
        ):
            finite(slope, f"{what}: a derivative by the {name}")
