"""`MultiSteps` with the methods and the state that it has in Optax."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import adamx
from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.core.wrapper import Gate, wrap
from adamx.hyperparameters.call import Call
from adamx.optax.layout import LaidOut, Layout, layout_of
from adamx.types import Array, Params, PyTree, Scalar, ScalarOrSchedule, State, Updates


class MultiStepsState(NamedTuple):
    """The state of `MultiSteps`."""

    mini_step: Any
    gradient_step: Any
    inner_opt_state: Any
    acc_grads: Any
    skip_state: Any = ()


class SkipBatches(Gate):
    """Leave out the batches for which a function of the user returns true."""

    should_skip: Callable[..., tuple[Array, PyTree]]

    def begin(self, params: Params) -> dict[str, Any]:
        zeros = jax.tree.map(jnp.zeros_like, params)
        step = jnp.zeros((), jnp.int32)
        return {"skip_state": self.should_skip(zeros, step, params)[1]}

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        extra = {**extra, "gradient_step": inner["MultiSteps"]["gradient_step"]}
        return super().update_inner(updates, own_state, inner, params, extra)

    def decide(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, Array, dict[str, Any]]:
        skip, kept = self.should_skip(updates, extra["gradient_step"], params)
        return updates, jnp.logical_not(skip), {"skip_state": kept}


class Accumulation(Layout):
    """`MultiStepsState`, with what `SkipBatches` keeps, if that is around."""

    is_dict = False

    def __init__(self, opt: Transform, skips: bool) -> None:
        self.inner, self.skips = layout_of(opt), skips

    def show(self, state: dict[str, Any]) -> Any:
        skip_state = ()
        if self.skips:
            skip_state = state["SkipBatches"]["skip_state"]
            state = state["SkipBatches"]["inner"]
        own = dict(state["MultiSteps"])
        inner = self.inner.show(own.pop("inner", {}))
        return MultiStepsState(**own, inner_opt_state=inner, skip_state=skip_state)

    def hide(self, shown: Any) -> Any:
        own = shown._asdict()
        skip_state = own.pop("skip_state")
        inner = self.inner.hide(own.pop("inner_opt_state"))
        state = {"MultiSteps": own | ({"inner": inner} if inner else {})}
        if not self.skips:
            return state
        return {"SkipBatches": {"skip_state": skip_state, "inner": state}}


class MultiSteps(LaidOut):
    """Accumulate updates over k calls, and apply `opt` once; see `adamx.MultiSteps`.

    The accumulator is float32 at least, whatever `accumulator_dtype` is.
    """

    _own = LaidOut._own | {"inner_opt"}

    def __init__(
        self,
        opt: TransformLike,
        every_k_schedule: int | ScalarOrSchedule,
        use_grad_mean: bool = True,
        should_skip_update_fn: Callable[..., tuple[Any, PyTree]] | None = None,
        accumulator_dtype: Any = None,
    ) -> None:
        self.inner_opt = as_transform(opt)
        given = (opt, every_k_schedule, use_grad_mean, should_skip_update_fn)
        made = adamx.MultiSteps(opt, every_k_schedule, use_grad_mean)
        skips = should_skip_update_fn is not None
        if should_skip_update_fn is not None:
            made = wrap(SkipBatches("SkipBatches", made.plan, should_skip_update_fn))
        bound = inspect.signature(MultiSteps).bind(*given)
        self._set(made.plan.pieces, Call(MultiSteps, bound, made.plan.pieces))
        self.layout = Accumulation(self.inner_opt, skips)

    def has_updated(self, state: MultiStepsState) -> Array:
        """Return whether the last call of `update` made a step."""
        return (state.mini_step == 0) & (state.gradient_step > 0)

    def gradient_transformation(self) -> Transform:
        """Return the transform itself."""
        return self


def skip_not_finite(
    updates: Updates, gradient_step: Array, params: Params | None
) -> tuple[Array, PyTree]:
    """Return whether a number is not finite, and how many are, for `MultiSteps`."""
    counts = [jnp.sum(~jnp.isfinite(g)) for g in jax.tree.leaves(updates)]
    number = sum(counts, jnp.zeros((), jnp.int32))
    return number > 0, {"should_skip": number > 0, "num_not_finite": number}


def skip_large_updates(
    updates: Updates,
    gradient_step: Array,
    params: Params | None,
    max_squared_norm: Scalar,
) -> tuple[Array, PyTree]:
    """Return whether the squared norm is too large or NaN, for `MultiSteps`."""
    squared = adamx.global_norm(updates) ** 2
    skip = ~(squared < max_squared_norm)
    return skip, {"should_skip": skip, "norm_squared": squared}
