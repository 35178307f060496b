"""Warm-ups, alone and before a decay."""

import functools

import jax.numpy as jnp

from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Whole
from adamx.hyperparameters.hyper import Schedule, derived, schedule
from adamx.numerics.dtypes import scalar_dtype
from adamx.schedules.arguments import (
    AnyNumber,
    AtLeastZero,
    Positive,
    Steps,
    StepsOrNone,
)
from adamx.schedules.curves import (
    Curve,
    cosine,
    exponential,
    inverse_root,
    since,
    staying,
    warmed_up_to,
)
from adamx.types import Array, Scalar, ScalarOrSchedule


@schedule
def warmup_constant_schedule(
    init_value: AnyNumber, peak_value: AnyNumber, warmup_steps: StepsOrNone
) -> Curve:
    """Warm up along a straight line, then stay.

    value(t) = I + (P − I)·t/W for t < W, P after

    Args:
        init_value: I, the value at the beginning.
        peak_value: P, the value at the end of the warm-up.
        warmup_steps: W ≥ 0, an integer; with 0 it begins at P.

    Reference:
        Optax's `warmup_constant_schedule`.

    Example:
        >>> from adamx.schedules import warmup_constant_schedule
        >>> warmup_constant_schedule(0.0, 1.0, 4)([0, 1, 4, 9]).tolist()
        [0.0, 0.25, 1.0, 1.0]
    """
    return warmed_up_to(init_value, peak_value, warmup_steps, staying(peak_value))


@schedule
def warmup_cosine_decay_schedule(
    init_value: AnyNumber,
    peak_value: AnyNumber,
    warmup_steps: StepsOrNone,
    decay_steps: Steps,
    end_value: AnyNumber = 0.0,
    exponent: AtLeastZero = 1.0,
) -> Curve:
    """Warm up along a straight line, then decay along half a period of a cosine.

    value(t) = I + (P − I)·t/W for t < W

    value(t) = E + (P − E)·(½·(1 + cos(π·(t−W)/(D−W))))ᵖ for W ≤ t ≤ D, E after

    See `warmup_constant_schedule` for the other arguments.

    Args:
        decay_steps: D > W, an integer: all steps, those of the warm-up included.
        end_value: E, the value at the end.
        exponent: p ≥ 0.

    Reference:
        Loshchilov & Hutter, "SGDR", 2017, arXiv:1608.03983; Optax's
        `warmup_cosine_decay_schedule`; Keras's `CosineDecay` with a warm-up, whose
        `decay_steps` are D − W.

    Example:
        >>> from adamx.schedules import warmup_cosine_decay_schedule
        >>> rate = warmup_cosine_decay_schedule(0.0, 1.0, 2, 6)
        >>> rate([0, 1, 2, 4, 6]).round(6).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    steps = decay_steps - warmup_steps
    if steps < 1:
        raise TransformError(
            "warmup_cosine_decay_schedule: nothing is left to decay",
            expected=f"decay_steps > warmup_steps = {warmup_steps}",
            got=decay_steps,
            hint="decay_steps are all steps, those of the warm-up included",
        )

    def falling(count: Array) -> Scalar:
        return cosine(count, peak_value, end_value, steps, exponent)

    return warmed_up_to(init_value, peak_value, warmup_steps, falling)


@schedule
def warmup_exponential_decay_schedule(
    init_value: AnyNumber,
    peak_value: AnyNumber,
    warmup_steps: StepsOrNone,
    transition_steps: Steps,
    decay_rate: Positive,
    transition_begin: StepsOrNone = 0,
    staircase: bool = False,
    end_value: AnyNumber | None = None,
) -> Curve:
    """Warm up along a straight line, then decay or grow exponentially.

    value(t) = I + (P − I)·t/W for t < W, P·r^((t−W−B)/T) for t ≥ W+B, P between

    See `warmup_constant_schedule` and `exponential_decay` for the other arguments.

    Args:
        transition_begin: B ≥ 0, an integer, counted from the end of the warm-up.

    Reference:
        Optax's `warmup_exponential_decay_schedule`.

    Example:
        >>> from adamx.schedules import warmup_exponential_decay_schedule
        >>> rate = warmup_exponential_decay_schedule(0.0, 1.0, 2, 1, 0.5)
        >>> rate([0, 1, 2, 3]).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """

    def falling(count: Array) -> Scalar:
        t, steps = since(count, transition_begin), transition_steps
        return exponential(t, peak_value, steps, decay_rate, staircase, end_value)

    return warmed_up_to(init_value, peak_value, warmup_steps, falling)


@schedule
def warmup_inverse_sqrt_schedule(
    init_value: AnyNumber, peak_value: AnyNumber, warmup_steps: Steps
) -> Curve:
    """Warm up along a straight line, then decay with the inverse square root of time.

    value(t) = I + (P − I)·t/W for t < W, P·√(W/t) after

    That of the Transformer has I = 0 and P = 1/√(d·W), where d is the model's width.

    See `warmup_constant_schedule` for the other arguments.

    Args:
        warmup_steps: W ≥ 1, an integer.

    Reference:
        Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762; fairseq's
        `inverse_sqrt`; Optax has none.

    Example:
        >>> from adamx.schedules import warmup_inverse_sqrt_schedule
        >>> warmup_inverse_sqrt_schedule(0.0, 1.0, 4)([0, 2, 4, 16]).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """

    def falling(count: Array) -> Scalar:
        return inverse_root(count, peak_value, warmup_steps)

    return warmed_up_to(init_value, peak_value, warmup_steps, falling)


def warmed_up(rate: ScalarOrSchedule, steps: int | None) -> ScalarOrSchedule:
    """Return `rate` times t/steps up to step `steps`; `rate` without a warm-up."""
    if steps is None:
        return rate
    steps = Whole(1).check("warm-up", "warmup_steps", steps)
    return derived(_times, rate, _share(steps))


def _times(rate: Scalar, share: Scalar) -> Scalar:
    return rate * share


@functools.cache
def _share(steps: int) -> Schedule:
    def share(count: Array) -> Array:
        done = jnp.minimum(count, steps - 1) + 1
        return done.astype(scalar_dtype()) / steps

    return Schedule(share)
