"""Law 7: norms and squares do not overflow."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.rule import Rule, locality
from adamx.core.transform import Transform
from adamx.testing.compare import close, leaves, require, same, wide
from adamx.testing.law import law
from adamx.testing.subject import Subject
from adamx.testing.trees import cast, grads, params


@law(7)
def norms(subject: Subject) -> None:
    """Updates are right for the largest numbers too, and NaN is not hidden.

    The first update of a leaf of 10,000 numbers may be independent of the scale of the
    gradient, or proportional to it, between 2⁸ and 2¹⁰ times ordinary numbers. Then it
    is so at 2⁶¹ times, where the squares do not overflow, but their sum does. A float16
    leaf of 100,000 tens, whose sum of squares overflows float16, gets the update of a
    float32 leaf. A NaN in a gradient shows in the update of its leaf. Rules of locality
    "element" sum no numbers, and are tried with the NaN alone.
    """
    start = {"w": jnp.ones((100, 100))}
    gradient = grads(start)

    def first(power: int) -> Any:
        scaled = jax.tree.map(lambda g: g * 2.0**power, gradient)
        return subject.run(subject.tx, start, [scaled])[0][0]

    if not _adds_up(subject):
        return _shows_nan(subject)
    low, high = first(8), first(10)
    for degree in (0, 1):
        grown = jax.tree.map(lambda u, d=degree: u * 4.0**d, low)
        if _near(high, grown):
            factor = 2.0 ** (53 * degree)
            expected = jax.tree.map(lambda u, f=factor: u * f, low)
            # ε, beside numbers of 2⁸, is a few units of the last place of the first.
            same(first(61), expected, "the update at 2⁶¹ times the gradient", ulps=1000)
            break
    _many_tens(subject)
    return _shows_nan(subject)


def _adds_up(subject: Subject) -> bool:
    """Return whether numbers of a leaf may be summed; elementwise rules sum none."""
    if not isinstance(subject.tx, Transform):
        return True
    pieces = [piece for _, piece in subject.tx.plan.pieces]
    return any(not isinstance(p, Rule) or locality(p) != "element" for p in pieces)


def _shows_nan(subject: Subject) -> None:
    start = params()
    broken = {**grads(start), "scalar": jnp.float32(jnp.nan)}
    (updates,), _ = subject.run(subject.tx, start, [broken])
    require(
        np.isnan(wide(updates["scalar"])),
        "a NaN in the gradient does not show",
        where="['scalar']",
        expected="NaN",
        got=updates["scalar"],
    )


def _near(a: Any, b: Any) -> bool:
    pairs = zip(leaves(a), leaves(b), strict=True)
    return all(np.allclose(wide(x), wide(y), rtol=1e-5) for (_, x), (_, y) in pairs)


def _many_tens(subject: Subject) -> None:
    tens = {"w": jnp.full((100, 1000), 10.0, jnp.float16)}
    (narrow,), _ = subject.run(subject.tx, tens, [tens])
    exact = cast(tens, "float32")
    (wider,), _ = subject.run(subject.tx, exact, [exact])
    what = "the update of a float16 leaf of 100,000 tens"
    # The least numbers of float16 are 2⁻²⁴ apart: half of that is 2⁻¹¹ times 2⁻¹⁴.
    close(narrow["w"], wider["w"], what, "['w']", 2**-10, size=2**-14)
