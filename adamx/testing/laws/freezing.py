"""Law 6: a frozen leaf has no effect."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.testing.compare import leaves, same
from adamx.testing.law import NotTried, law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(6, grid=True)
def freezing(subject: Subject) -> None:
    """A frozen leaf stays as it is, has no state, and has no effect on other leaves.

    `freeze` may stand before a clip of the global norm or after the transform. The
    update of a frozen leaf is zero, and no array is kept for it. The other leaves get
    the updates that they would get alone. A frozen leaf may be of integers.
    """
    if subject.kit.freeze is None:
        raise NotTried(f"{subject.kit.name} does not freeze")
    moving = params()
    still = {"frozen": jnp.full((5,), 100.0), "numbers": jnp.arange(7)}
    start = {**moving, **still}
    # What jax.grad gives for integers, with allow_int.
    no_gradient = np.zeros((7,), jax.dtypes.float0)
    gradient = {**grads(moving), "frozen": jnp.full((5,), 1e3), "numbers": no_gradient}
    mask = jax.tree.map(lambda _: False, moving) | dict.fromkeys(still, True)
    pieces = [subject.kit.clip(1.0), subject.tx]
    alone = subject.kit.chain(*pieces)
    expected = subject.run(alone, moving, [grads(moving)])[0][0]
    places = range(len(pieces) + 1)
    for place in places if subject.full else (0, len(pieces)):
        freeze = subject.kit.freeze(mask)
        tx = subject.kit.chain(*pieces[:place], freeze, *pieces[place:])
        what = f"with freeze at place {place + 1} of the chain"
        (updates,), state = subject.run(tx, start, [gradient])
        _nothing_kept(state, what)
        held = {name: updates[name] for name in still}
        zero = {name: jnp.zeros_like(leaf) for name, leaf in still.items()}
        same(held, zero, f"{what}, the update of a frozen leaf")
        rest = {name: updates[name] for name in moving}
        # Compiled with other leaves beside it, the norm may be summed in another order.
        same(rest, expected, f"{what}, the updates of the others", ulps=4)


def _nothing_kept(state: Any, what: str) -> None:
    for where, leaf in leaves(state):
        require(
            jnp.shape(leaf) not in ((5,), (7,)),
            f"{what}, there is state for a frozen leaf",
            where=where,
            expected="nothing",
            got=f"an array of shape {jnp.shape(leaf)}",
        )
