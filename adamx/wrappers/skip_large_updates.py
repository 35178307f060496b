"""Skipping of steps with large gradients."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import RuleGate, wrap
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class Measure(GlobalNormRule):
    """Emit the updates unchanged, and count those of a norm that is too large."""

    max_norm: Rate

    def shared(self) -> Shared:
        return {
            "norm": jnp.zeros((), scalar_dtype()),
            "last_skipped": jnp.array(False),
            "total_skipped": jnp.zeros((), jnp.int32),
        }

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        unit, rest = self.global_norm(shared, over_leaves)
        skip = ~(unit <= self.max_norm / rest)  # NaN too
        total = shared["total_skipped"]
        total = jnp.where(skip, next_count(total), total)
        norm = unit * rest
        return {"norm": norm, "last_skipped": skip, "total_skipped": total}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g, slots


class SkipLargeUpdates(RuleGate):
    measure: Measure

    def watch(self, extra: Mapping[str, Any]) -> Rule:
        return self.measure


@transform
def skip_large_updates(inner: TransformLike, max_norm: NonNegative) -> Transform:
    """Skip steps whose updates have a norm that is too large or not finite.

    u = inner(g) if ‖g‖ ≤ c, else 0, and the state of `inner` is unchanged

    Around `MultiSteps` it skips single micro-batches. `clip_by_global_norm` makes large
    updates smaller instead.

    Args:
        inner: the transform to protect.
        max_norm: c ≥ 0, for the norm of all leaves together.

    Returns:
        A transform that keeps `norm` and `last_skipped`, a bool, of the last step,
        `total_skipped`, int32, and `inner`.

    Reference:
        The name is Optax's, where it is an argument of `MultiSteps`, with a bound of
        the squared norm.

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
    return wrap(SkipLargeUpdates("skip_large_updates", plan, Measure(max_norm)))
