"""Law 1: nothing is computed or kept in 16 bits."""

import jax
import jax.numpy as jnp
import numpy as np

from adamx.numerics.x64 import enable_x64
from adamx.testing.compare import close, leaves, same, wide
from adamx.testing.law import law, require
from adamx.testing.subject import Subject, kept_parameters
from adamx.testing.trees import NARROW, cast, grads, params

STEPS = 3000


@law(1, grid=True)
def precision(subject: Subject) -> None:
    """All arithmetic on 16-bit parameters and gradients is in float32 or better.

    The state keeps at least float32. Updates leave in the dtype of their parameter.
    They equal the updates of float32 copies of the parameters and gradients, rounded
    once. After 3,000 constant bfloat16 gradients each slot of a leaf is within 1e-5 of
    its value in float64; a second moment in bfloat16 stops at half of that value. (A
    slot that began as the parameters and adds steps up is within the rounding of a
    sum.) If the subject is not `full`, float16 alone is tried in the first steps.
    """
    for dtype in NARROW if subject.full else ("float16",):
        narrow = params(dtype)
        inputs = [grads(narrow, seed) for seed in range(3)]
        out, state = subject.run(subject.tx, narrow, inputs)
        for where, leaf in leaves(state):
            if jnp.issubdtype(leaf.dtype, jnp.inexact):
                require(
                    jnp.finfo(leaf.dtype).bits >= 32,
                    f"the state of {dtype} parameters is narrow",
                    where=where,
                    expected="float32 at the least",
                    got=leaf.dtype,
                )
        exact, _ = subject.run(
            subject.tx, cast(narrow, "float32"), [cast(g, "float32") for g in inputs]
        )
        for updates, right in zip(out, exact, strict=True):
            rounded = jax.tree.map(lambda u, p: u.astype(p.dtype), right, narrow)
            # Two compilations of the float32 arithmetic may round a tie differently.
            same(updates, rounded, f"updates of {dtype} are not rounded once", ulps=1)
    _long_run(subject)


def _long_run(subject: Subject) -> None:
    one = {"w": jnp.ones((2, 3), jnp.bfloat16)}
    with enable_x64(True):
        exact, exact_state = subject.scan(
            cast(one, "float64"), cast(one, "float64"), STEPS
        )
    out, state = subject.scan(one, one, STEPS)
    right = wide(exact["w"])
    # The update was rounded to 8 bits; a step that is longer than it should be is so
    # by much more.
    close(out["w"], right, f"after {STEPS} gradients of 1 the update", "['w']", 2**-7)
    sums = {where for where, _ in kept_parameters(subject, one, state)}
    for (where, a), (_, b) in zip(leaves(state), leaves(exact_state), strict=True):
        if np.shape(b) == (2, 3):
            what = f"after {STEPS} constant bfloat16 gradients the state"
            # Equal steps are all rounded to the same side, by up to 2⁻²⁴ of their sum.
            rtol = STEPS * 2**-24 if where in sums else 1e-5
            close(a, b, what, where, rtol, size=1)
