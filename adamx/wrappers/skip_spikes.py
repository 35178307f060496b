"""Skipping of steps whose gradient norm or loss is an outlier."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import RuleGate, wrap
from adamx.hyperparameters.arguments import Whole
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.check import one_number
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult

Window: TypeAlias = Annotated[int, Whole(2)]


class Spikes(GlobalNormRule):
    """Emit the updates unchanged, and keep windows of the last norms and losses."""

    window: int
    sigma: Rate
    value: Array | None

    def shared(self) -> Shared:
        return {
            "norms": jnp.zeros(self.window, scalar_dtype()),
            "norm_count": jnp.zeros((), jnp.int32),
            "values": jnp.zeros(self.window, scalar_dtype()),
            "value_count": jnp.zeros((), jnp.int32),
            "last_skipped": jnp.array(False),
            "total_skipped": jnp.zeros((), jnp.int32),
        }

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        unit, rest = self.global_norm(shared, over_leaves)
        skip, norms = self._compared(unit * rest, "norm", shared)
        kept = {**shared, **norms}
        if self.value is not None:
            high, values = self._compared(self.value, "value", shared)
            skip, kept = skip | high, {**kept, **values}
        total = shared["total_skipped"]
        total = jnp.where(skip, next_count(total), total)
        return {**kept, "last_skipped": skip, "total_skipped": total}

    def _compared(self, x: Array, name: str, shared: Shared) -> tuple[Array, Shared]:
        """Return whether `x` is an outlier or not finite, and the next window."""
        last, count = shared[f"{name}s"], shared[f"{name}_count"]
        finite = jnp.isfinite(x)
        pushed = jnp.concatenate([last[1:], x.astype(last.dtype)[None]])
        after = {
            f"{name}s": jnp.where(finite, pushed, last),
            f"{name}_count": jnp.where(
                finite, jnp.minimum(next_count(count), self.window), count
            ),
        }
        return ~finite | self._is_outlier(x, last, count), after

    def _is_outlier(self, x: Array, last: Array, count: Array) -> Array:
        there = jnp.arange(self.window, dtype=count.dtype) >= self.window - count
        largest = jnp.max(jnp.abs(last), where=there, initial=0)
        unit = jnp.where(largest > 0, largest, 1)  # else squares could overflow
        scaled = last / unit
        number = count.astype(last.dtype)
        mean = jnp.sum(scaled, where=there) / jnp.maximum(number, 1)
        squares = jnp.sum((scaled - mean) ** 2, where=there)
        deviation = jnp.sqrt(squares / jnp.maximum(number - 1, 1))
        # because the deviation of equal numbers is 0, but their mean is rounded
        rounding = 64 * float(jnp.finfo(last.dtype).eps)
        above = x / unit - mean > jnp.maximum(self.sigma * deviation, rounding)
        return above & (count >= max(2, self.window // 2))

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g, slots


class SkipSpikes(RuleGate):
    window: int
    sigma: Rate

    def options(self) -> frozenset[str]:
        return super().options() | {"value"}

    def watch(self, extra: Mapping[str, Any]) -> Rule:
        value = None
        if "value" in extra:
            value = one_number("value", extra["value"], self.name, scalar_dtype())
        return Spikes(self.window, self.sigma, value)


@transform
def skip_spikes(
    inner: TransformLike, window: Window = 128, sigma: NonNegative = 6.0
) -> Transform:
    """Skip steps whose gradient norm or loss is an outlier among the last ones.

    u = inner(g) if x − mean(x) ≤ σ·std(x) for x = ‖g‖ and x = value, else 0

    Mean and standard deviation are those of the n steps before this one. The loss is
    the optional extra argument `value` of update. With fewer than max(2, n/2) numbers
    only NaN and ∞ are skipped.

    Numbers of skipped steps are among the last n too, so that training continues after
    a lasting change of level. A skipped step leaves the state of `inner` unchanged.

    Args:
        inner: the transform to protect.
        window: n ≥ 2, an integer.
        sigma: σ ≥ 0.

    Returns:
        A transform that keeps `norms` and `values`, the last n of each, zeros at first,
        `norm_count` and `value_count`, the number of valid entries, `last_skipped`, a
        bool, `total_skipped`, int32, and `inner`.

    Reference:
        OLMo et al., "2 OLMo 2 Furious", 2024, arXiv:2501.00656; `SkipStepOptimizer` in
        its code has these defaults.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.skip_spikes(adamx.sgd(1.0), window=4)
        >>> state = tx.init(0.0)
        >>> for g in (1.0, 1.1, 0.9, 50.0, 1.0):
        ...     updates, state = tx.update(jnp.array(g), state)
        ...     print(float(updates))
        -1.0
        -1.100000023841858
        -0.8999999761581421
        0.0
        -1.0
    """
    plan = as_transform(inner).plan
    return wrap(SkipSpikes("skip_spikes", plan, window, sigma))
