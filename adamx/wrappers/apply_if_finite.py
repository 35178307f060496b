"""Skipping of steps whose gradients are not finite."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Gate, wrap
from adamx.hyperparameters.arguments import NonNegativeInteger
from adamx.numerics.arithmetic import all_finite
from adamx.numerics.averages import next_count
from adamx.types import Array, Params, Updates


class ApplyIfFinite(Gate):
    max_consecutive_errors: int

    def begin(self, params: Params) -> dict[str, Any]:
        names = "notfinite_count", "total_notfinite"
        counts = {name: jnp.zeros((), jnp.int32) for name in names}
        return {**counts, "last_finite": jnp.array(True)}

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        finite = all_finite(updates)
        row, total = own_state["notfinite_count"], own_state["total_notfinite"]
        row = jnp.where(finite, 0, next_count(row))
        own_state = {
            "notfinite_count": row,
            "total_notfinite": jnp.where(finite, total, next_count(total)),
            "last_finite": finite,
        }
        return updates, finite | (row > self.max_consecutive_errors), own_state


@transform
def apply_if_finite(
    inner: TransformLike, max_consecutive_errors: NonNegativeInteger
) -> Transform:
    """Skip steps whose updates are not finite, unless there are too many in a row.

    u = inner(g) if all of g is finite, else 0, and the state of `inner` is unchanged

    After `max_consecutive_errors` skipped steps in a row `inner` gets updates that are
    not finite: a loss of NaN is easier to notice than parameters that do not change.

    Args:
        inner: the transform to protect.
        max_consecutive_errors: the number of steps in a row to skip, an integer ≥ 0.

    Returns:
        A transform that keeps `notfinite_count`, the number of such updates in a row,
        `total_notfinite`, both int32, `last_finite`, a bool, and `inner`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.apply_if_finite(adamx.sgd(1.0), 5)
        >>> state = tx.init(0.0)
        >>> updates, state = tx.update(jnp.array(jnp.nan), state)
        >>> float(updates), int(state["apply_if_finite"]["total_notfinite"])
        (0.0, 1)
    """
    plan = as_transform(inner).plan
    return wrap(ApplyIfFinite("apply_if_finite", plan, max_consecutive_errors))
