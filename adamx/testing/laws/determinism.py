"""Law 14: the same inputs give the same bits."""

import jax

from adamx.testing.compare import same
from adamx.testing.law import law
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(14)
def determinism(subject: Subject) -> None:
    """The same inputs give the same bits, and noise comes from a key in the state.

    Two runs agree in every bit. So does a run that continues from a saved state,
    because nothing is kept outside the state.
    """
    start = params()
    inputs = [grads(start, seed) for seed in range(3)]
    first, last = subject.run(subject.tx, start, inputs)
    again, again_last = subject.run(subject.tx, start, inputs)
    same(again, first, "a second run: the updates")
    same(again_last, last, "a second run: the state")
    _, kept = subject.run(subject.tx, start, inputs[:2])
    copy = jax.tree.map(lambda x: x.copy(), kept)
    updates, resumed = subject.update(inputs[2], copy, start)
    same(updates, first[2], "a run from a kept state: the updates")
    same(resumed, last, "a run from a kept state: the state")
