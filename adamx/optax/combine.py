"""Combinators and wrappers whose states are tuples, as in Optax."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

import adamx
from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.core.wrapper import wrap
from adamx.hyperparameters.arguments import NonNegativeInteger, PositiveInteger
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.numerics.averages import next_count
from adamx.optax.layout import (
    Fields,
    Injected,
    Inside,
    LaidOut,
    Layout,
    Parts,
    Series,
    with_layout,
)
from adamx.optax.own import beyond, own, with_its_layout
from adamx.types import Params, State, Updates
from adamx.wrappers import inject_hyperparams as inject


class MaskedState(NamedTuple):
    """The state of `masked`."""

    inner_state: Any


class PartitionState(NamedTuple):
    """The state of `partition`: states by label."""

    inner_states: dict[Any, Any]


class ApplyIfFiniteState(NamedTuple):
    """The state of `apply_if_finite`."""

    notfinite_count: Any
    last_finite: Any
    total_notfinite: Any
    inner_state: Any


class ConditionallyTransformState(NamedTuple):
    """The state of `conditionally_transform`."""

    inner_state: Any
    step: Any


class ConditionallyMaskState(NamedTuple):
    """The state of `conditionally_mask`."""

    step: Any
    inner_state: Any


class ReduceLROnPlateauState(NamedTuple):
    """The state of `reduce_on_plateau`."""

    scale: Any
    best_value: Any
    plateau_count: Any
    cooldown_count: Any
    count: Any
    avg_value: Any


@with_layout
def chain(*args: TransformLike) -> tuple[Transform, Layout]:
    """Apply transforms one after the other; the state is a tuple with that of each."""
    transforms = tuple(as_transform(tx) for tx in args)
    return adamx.chain(*transforms), Series(transforms)


@with_layout
def named_chain(*transforms: tuple[str, TransformLike]) -> tuple[Transform, Layout]:
    """Apply transforms one after the other; the state is a dict by their names."""
    names = tuple(name for name, _ in transforms)
    if len({*names}) < len(names):
        raise ValueError(f"the names in named_chain must differ, got {names}")
    made = tuple(as_transform(tx) for _, tx in transforms)
    return adamx.chain(*made), Series(made, names)


@with_layout
def partition(
    transforms: Mapping[Any, TransformLike],
    param_labels: Labels,
    *,
    mask_compatible_extra_args: bool = False,
) -> tuple[Transform, Layout]:
    """Apply to each leaf the transform of its label; see `adamx.partition`."""
    if mask_compatible_extra_args:
        return beyond("partition", transforms, param_labels)
    layout = Parts("partition", PartitionState, lambda x: x.inner_states, transforms)
    return adamx.partition(transforms, param_labels), layout


@with_layout
def masked(
    inner: TransformLike,
    mask: Labels,
    *,
    mask_compatible_extra_args: bool = False,
) -> tuple[Transform, Layout]:
    """Apply `inner` where the mask is true; see `adamx.masked`."""
    if mask_compatible_extra_args:
        return beyond("masked", inner, mask)
    tx = adamx.masked(inner, mask)
    layout = Parts(
        "masked",
        lambda parts: MaskedState(parts[True]),
        lambda state: {True: state.inner_state},
        {True: inner},
    )
    return tx, layout


@with_layout
def apply_if_finite(
    inner: TransformLike, max_consecutive_errors: NonNegativeInteger
) -> tuple[Transform, Layout]:
    """Skip steps whose updates are not finite; see `adamx.apply_if_finite`."""
    made = adamx.apply_if_finite(inner, max_consecutive_errors)
    return made, Inside("apply_if_finite", ApplyIfFiniteState, inner)


@with_layout
def conditionally_transform(
    inner: TransformLike,
    should_transform_fn: Callable[..., Any],
    forward_extra_args: bool = False,
) -> tuple[Transform, Layout]:
    """Apply `inner` in some steps, and emit the updates unchanged in others."""
    made = adamx.conditionally_transform(inner, should_transform_fn, forward_extra_args)
    kind = ConditionallyTransformState
    return made, Inside("conditionally_transform", kind, inner)


@with_layout
def conditionally_mask(
    inner: TransformLike,
    should_transform_fn: Callable[..., Any],
    forward_extra_args: bool = False,
) -> tuple[Transform, Layout]:
    """Apply `inner` in some steps, and emit zeros in others."""
    made = adamx.conditionally_mask(inner, should_transform_fn, forward_extra_args)
    return made, Inside("conditionally_mask", ConditionallyMaskState, inner)


@with_layout
def reduce_on_plateau(
    factor: Decay = 0.1,
    patience: PositiveInteger = 10,
    rtol: NonNegative = 1e-4,
    atol: NonNegative = 0.0,
    cooldown: NonNegativeInteger = 0,
    accumulation_size: PositiveInteger = 1,
    min_scale: NonNegative = 0.0,
) -> tuple[Transform, Layout]:
    """Reduce the rate when a value stops falling; see `adamx.reduce_on_plateau`."""
    tolerances = factor, patience, rtol, atol
    made = adamx.reduce_on_plateau(*tolerances, cooldown, accumulation_size, min_scale)
    layout = Fields(
        "reduce_on_plateau", ReduceLROnPlateauState, count="count_of_values"
    )
    return made, layout


def inject_hyperparams(
    inner_factory: Callable[..., Any],
    static_args: Any = (),
    hyperparam_dtype: Any = None,
) -> Callable[..., LaidOut]:
    """Keep hyperparameters in the state, where `state.hyperparams` has them by name.

    They are float32 at least, whatever `hyperparam_dtype` is. A schedule with a state
    of its own makes the call one of Optax's own function.
    """
    adamx.inject_hyperparams(inner_factory, static_args)  # which checks the names

    def built(*args: Any, **kwargs: Any) -> LaidOut:
        schedules = getattr(sys.modules.get("optax"), "schedules", None)
        kind = getattr(schedules, "StatefulSchedule", ())
        if any(isinstance(x, kind) for x in (*args, *kwargs.values())):
            return _theirs(inner_factory, static_args, hyperparam_dtype, args, kwargs)
        return _injected(inner_factory, static_args, args, kwargs)

    return built


@with_layout
def _theirs(
    factory: Any, static_args: Any, dtype: Any, args: Any, kwargs: Any
) -> tuple[Transform, Layout]:
    build = own("inject_hyperparams")(factory, static_args, dtype)
    return with_its_layout(build(*args, **kwargs))


class Counted(inject.Injected):
    """Count the steps also if no hyperparameter follows a schedule."""

    def begin(self, params: Params) -> dict[str, Any]:
        return {"count": jnp.zeros((), jnp.int32), **super().begin(params)}

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        count = next_count(own_state["count"])
        given = updates, own_state, inner, params, extra
        updates, own_state, inner = super().update_inner(*given)
        return updates, {**own_state, "count": count}, inner


def _injected(factory: Any, static_args: Any, args: Any, kwargs: Any) -> LaidOut:
    made = adamx.inject_hyperparams(factory, static_args)(*args, **kwargs)
    ((_, node),) = made.plan.pieces
    found: Any = node
    first = {name: schedule(0) for name, schedule in found.schedules.items()}
    inner = found.build(**found.numbers, **first)
    fields = found.name, found.plan, found.build, found.numbers, found.schedules
    call: Any = made.call
    pieces = wrap(Counted(*fields)).plan.pieces
    call = inject.InjectedCall(_injected, call.bound)
    return LaidOut.made(pieces, call, Injected(found.numbers, inner))


multi_transform = partition
MultiTransformState = PartitionState
