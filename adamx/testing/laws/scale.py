"""Law 23: rules that are free of scale are so, however small or large gradients are."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.degree import degree_of
from adamx.core.transform import Transform
from adamx.testing.compare import close, leaves, wide
from adamx.testing.law import GAIN, NotTried, law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params

POWERS = (-100, 100)
"""Gradients of 1e-30 and of 1e30; powers of two round nothing."""

ULPS = 20
"""How many units in the last place an ε of 1e-6 beside a norm of 1 may be."""


@law(23)
def scale(subject: Subject) -> None:
    """A degree that rules declare holds for gradients from 1e-30 to 1e30.

    A rule of degree 0 is free of scale: its updates are the same for gradients that are
    2¹⁰⁰ times as small or as large. A rule of degree 1 makes updates that are as many
    times as small or as large. A chain has the product of the degrees of its rules; a
    rule that declares none is not tried. An absolute ε breaks this law.
    """
    start, degree = _declared(subject)
    gradients = [grads(start, seed) for seed in range(2)]

    def updates(power: int) -> list[Any]:
        scaled = jax.tree.map(lambda g: g * 2.0**power, gradients)
        return subject.run(subject.tx, start, scaled)[0]

    expected = updates(0)
    for power in POWERS:
        what = f"the update at 2^{power} times the gradient, over (2^{power})^{degree}"
        for u, v in zip(updates(power), expected, strict=True):
            for (where, a), (_, b) in zip(leaves(u), leaves(v), strict=True):
                rtol = ULPS * float(jnp.finfo(b.dtype).eps) * GAIN.get()
                close(wide(a) / 2.0 ** (power * degree), wide(b), what, where, rtol)


def _declared(subject: Subject) -> tuple[Any, int]:
    """Return parameters, or a matrix, for which the rules declare a degree; with it."""
    if not isinstance(subject.tx, Transform):
        raise NotTried("it is not made of rules, which declare their degrees")
    for start in (params(), {"kernel": params()["layer"]["w"]}):
        degree = degree_of(subject.tx.plan, start)
        if degree is not None:
            return start, degree
    raise NotTried("its rules declare no degree: the size of gradients may count")
