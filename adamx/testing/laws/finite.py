"""Law 4: finite numbers in, finite numbers out."""

import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.compare import finite as all_finite
from adamx.testing.compare import wide
from adamx.testing.law import law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, on_device, params

SIZES = {
    "float16": {"huge": 6e4, "tiny": 6e-8},
    "bfloat16": {"huge": 1e30, "tiny": 1e-30, "denormal": 1e-39},
    "float32": {"huge": 1e30, "tiny": 1e-30, "denormal": 1e-40},
}


@law(4, grid=True)
def finite(subject: Subject) -> None:
    """Finite gradients make finite updates and a finite state.

    Tried with zeros in all steps, a first gradient of zeros, the largest numbers of
    float16, 1e±30 and denormals, one after the other, for zero and other parameters.
    bfloat16, whose range is that of float32, is tried only if the subject is `full`.
    """
    for dtype, sizes in SIZES.items():
        if dtype == "bfloat16" and not subject.full:
            continue
        ordinary = params(dtype)
        normal = grads(ordinary)
        zero = jax.tree.map(jnp.zeros_like, normal)
        sized = {
            name: jax.tree.map(
                lambda g, s=s: on_device(s * np.sign(wide(g)), g.dtype), normal
            )
            for name, s in sizes.items()
        }
        runs = {
            "zeros for ever": [zero] * 4,
            "zeros first": [zero, normal, normal],
            **{f"{name} gradients": [g] * 4 for name, g in sized.items()},
            "a huge one among ordinary": [normal, sized["huge"], normal, zero],
            "a tiny one before ordinary": [sized["tiny"], normal, sized["huge"]],
        }
        for start in (ordinary, zero):
            fresh = subject.fresh(start)
            for name, inputs in runs.items():
                out, state = subject.run(subject.tx, start, inputs, fresh)
                all_finite(out, f"{name}, {dtype}: an update")
                all_finite(state, f"{name}, {dtype}: the state")
