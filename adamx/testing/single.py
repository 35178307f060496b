"""Gradients of one example, for transforms that take a batch of them."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.hyperparameters.call import Call
from adamx.types import Params, State, Updates


class OfOne(Wrapper):
    """Add a first axis of length 1 to the updates."""

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        """Apply `plan` to a batch of one."""
        batch = jax.tree.map(_first_of_one, updates)
        updates, inner = self.plan.apply(batch, inner, params, extra)
        return updates, own_state, inner


def _first_of_one(g: Any) -> Any:
    return (g if hasattr(g, "shape") else np.asarray(g))[None]


@transform
def of_one(inner: TransformLike) -> Transform:
    """Give `inner` batches of one example, so that the laws can be tried on it.

    Args:
        inner: a transform whose updates have an axis of examples in front.

    Returns:
        The transform, whose updates are like the parameters; its state is that of
        `inner`, under `of_one` and `inner`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = of_one(adamx.differentially_private_aggregate(1.0, 0.0, key=1))
        >>> params = jnp.zeros(2)
        >>> tx.update(jnp.array([0.0, -4.0]), tx.init(params), params)[0].tolist()
        [0.0, -1.0]
    """
    return wrap(OfOne("of_one", as_transform(inner).plan))


def takes_batches(tx: Transform) -> bool:
    """Return whether the updates of `tx` have an axis of examples in front."""
    first = tx.plan.pieces[0][1] if tx.plan.pieces else None
    return isinstance(first, Rule) and first.batched


def builder_of(tx: Transform) -> str | None:
    """Return the name of the builder of `tx`, or of what is in `of_one`."""
    if not isinstance(tx.call, Call):
        return None
    name = tx.call.builder.__name__
    return builder_of(tx.call.bound.arguments["inner"]) if name == "of_one" else name
