"""Skipping of all steps whose gradients are not finite."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Gate, wrap
from adamx.numerics.arithmetic import all_finite
from adamx.numerics.averages import next_count
from adamx.types import Array, Params, Updates


class SkipNotFinite(Gate):
    def begin(self, params: Params) -> dict[str, Any]:
        return {
            "last_skipped": jnp.array(False),
            "total_skipped": jnp.zeros((), jnp.int32),
        }

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        finite, total = all_finite(updates), own_state["total_skipped"]
        total = jnp.where(finite, total, next_count(total))
        return updates, finite, {"last_skipped": ~finite, "total_skipped": total}


@transform
def skip_not_finite(inner: TransformLike) -> Transform:
    """Skip steps whose updates are not finite.

    u = inner(g) if all of g is finite, else 0, and the state of `inner` is unchanged

    Around `MultiSteps` it skips single micro-batches. `apply_if_finite` stops skipping
    after some steps in a row; `skip_large_updates` also bounds the norm.

    Args:
        inner: the transform to protect.

    Returns:
        A transform that keeps `last_skipped`, a bool, `total_skipped`, int32, and
        `inner`.

    Reference:
        The name is Optax's, where it is an argument of `MultiSteps`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.skip_not_finite(adamx.MultiSteps(adamx.sgd(1.0), 2))
        >>> state = tx.init(jnp.array(0.0))
        >>> for g in (1.0, jnp.inf, 3.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        0.0
        0.0
        -2.0
    """
    return wrap(SkipNotFinite("skip_not_finite", as_transform(inner).plan))
