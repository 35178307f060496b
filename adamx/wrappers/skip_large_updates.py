"""No step on gradients that are too large."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.hyper import NonNegative
from adamx.core.numerics import next_count, scalar_dtype
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.types import Array, Hyper, Params, Updates
from adamx.core.wrapper import Gate, around
from adamx.tree.norms import scaled_norm


class SkipLargeUpdates(Gate):
    max_norm: Hyper

    def begin(self, params: Params) -> dict[str, Any]:
        zero = jnp.zeros((), scalar_dtype())
        return {"norm": zero, "total_skipped": jnp.zeros((), jnp.int32)}

    def decide(
        self,
        updates: Updates,
        mine: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        largest, rest = scaled_norm(jax.tree.leaves(updates))
        fits = largest <= self.max_norm / rest  # and NaN does not
        skipped = mine["total_skipped"]
        return (
            updates,
            fits,
            {
                "norm": (largest * rest).astype(mine["norm"].dtype),
                "total_skipped": jnp.where(fits, skipped, next_count(skipped)),
            },
        )


@transform
def skip_large_updates(inner: TransformLike, max_norm: NonNegative) -> Transform:
    """Skip steps whose updates have too large a norm, or one that is no number.

    u = inner(g) if ‖g‖ ≤ c, else 0, and `inner` sees nothing of the step

    Around `MultiSteps` it leaves single micro-batches out. Not `clip_by_global_norm`,
    which makes them smaller.

    Args:
        inner: the transform to protect.
        max_norm: c ≥ 0, for the norm of all leaves together; a number or traced scalar.

    Returns:
        The transform; its state is `norm`, the last seen, `total_skipped`, int32, and
        `inner`.

    Raises:
        TransformError: `max_norm` is negative.

    Reference:
        The name is Optax's, where it is an argument of `MultiSteps`, and takes the
        square of the norm.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.skip_large_updates(adamx.sgd(1.0), 10.0)
        >>> state = tx.init(jnp.zeros(2))
        >>> updates, state = tx.update(jnp.array([30.0, 40.0]), state)
        >>> updates.tolist(), float(state["skip_large_updates"]["norm"])
        ([0.0, 0.0], 50.0)
    """
    plan = as_transform(inner).plan
    return around(SkipLargeUpdates("skip_large_updates", plan, max_norm))
