"""The curves that schedules are made of, right at every count an int32 can be.

Counts are compared, subtracted and divided as integers. Only the steps within a
transition become floats. So a count of 10⁷ loses nothing, and the share that is left at
the end of a transition is exact.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Scalar

Curve: TypeAlias = Callable[[Array], Scalar]


def since(count: Array, begin: int) -> Array:
    """Return how many steps ago `begin` was, 0 before it."""
    return jnp.maximum(count, begin) - begin


def as_float(count: Array) -> Array:
    """Return a number of steps as a float."""
    return count.astype(scalar_dtype())


def share(some: Array, all_: Scalar) -> Array:
    """Return the share of `some` steps in all; exactly 1 for all of them."""
    steps = as_float(some)
    return jnp.where(steps == all_, 1, jnp.minimum(steps / all_, 1))


def done(count: Array, steps: int) -> Array:
    """Return the share of `steps` steps that is done: from 0 up to 1."""
    return share(jnp.minimum(since(count, 0), steps), steps)


def left(count: Array, steps: int) -> Array:
    """Return the share of `steps` steps that is left: from 1 down to 0."""
    return share(steps - jnp.minimum(since(count, 0), steps), steps)


def left_of_cycle(count: Array, steps: int) -> Array:
    """Return the share left if the end moves to 2, 3, … times `steps` once reached."""
    t = since(count, 0)
    # -t modulo steps is the distance to the next multiple, where the cycle ends.
    ahead = jnp.where(t == 0, steps, jnp.remainder(-t, steps))
    cycles = jnp.maximum(-(-t // steps), 1)
    return share(ahead, as_float(cycles) * steps)


def half_cosine(share: Array) -> Array:
    """Return ½·(1 + cos π·(1−s)) of the share s that is left.

    It is computed as the square of a sine, because 1 + cos cancels near the end.
    """
    return jnp.square(jnp.sin(share * (math.pi / 2)))


def raised(share: Array, power: Scalar) -> Array:
    """Return the share to some power, by multiplication if that is a small integer."""
    if isinstance(power, float) and power.is_integer() and power <= 16:
        return jax.lax.integer_pow(share, int(power))
    return share**power


def between(start: Scalar, end: Scalar, share: Array) -> Array:
    """Return `start` for the share 1, `end` for 0; never outside, and monotone.

    As floats, end + (start − end) need not be start, and may even be beyond it.
    """
    value = end + (start - end) * share
    bounded = jnp.clip(value, jnp.minimum(start, end), jnp.maximum(start, end))
    exact = jnp.where(share == 1, start, bounded)
    return value + jax.lax.stop_gradient(exact - value)


def staying(value: Scalar) -> Curve:
    """Return the curve that has one value."""
    return lambda _: value


def linear(count: Array, start: Scalar, end: Scalar, steps: int) -> Array:
    """Return a straight line from `start` to `end` in so many steps."""
    return between(start, end, left(count, steps))


def cosine(
    count: Array, start: Scalar, end: Scalar, steps: int, exponent: Scalar = 1.0
) -> Array:
    """Follow half a period of a cosine, to some power, from `start` to `end`."""
    return between(start, end, raised(half_cosine(left(count, steps)), exponent))


def exponential(
    count: Array,
    start: Scalar,
    steps: int,
    rate: Scalar,
    staircase: bool,
    end: Scalar | None,
) -> Array:
    """Return `start` times `rate` to the power count / steps, up to `end`.

    The logarithm is taken before `rate` is rounded: 0.999 as a float32, to the power
    10⁴, would be 3e-4 off.
    """
    t = since(count, 0)
    times = as_float(t // steps) if staircase else as_float(t) / steps
    log = jnp.log(rate) if isinstance(rate, jax.Array) else math.log(rate)
    # Bounded, because ∞ times a derivative of 0 would be NaN.
    top = math.log(float(jnp.finfo(scalar_dtype()).max)) - 8
    value = start * jnp.exp(jnp.minimum(times * log, top))
    if end is None:
        return value
    bounded = jnp.maximum(value, end), jnp.minimum(value, end)
    return jnp.where(jnp.asarray(rate) < 1, *bounded)


def inverse_root(count: Array, start: Scalar, steps: int) -> Array:
    """Return `start` over the root of 1 + count / steps."""
    return start / jnp.sqrt(1 + as_float(since(count, 0)) / steps)


def joined(count: Array, curves: Sequence[Curve], boundaries: Iterable[int]) -> Scalar:
    """Follow one curve after the other, each from its beginning."""
    first, *rest = curves
    value = first(count)
    for boundary, curve in zip(boundaries, rest, strict=True):
        value = jnp.where(count < boundary, value, curve(since(count, boundary)))
    return value


def warmed_up_to(start: Scalar, peak: Scalar, steps: int, then: Curve) -> Curve:
    """Return a straight line up to `peak` in `steps` steps, if any; `then` a curve."""
    ramp = functools.partial(linear, start=start, end=peak, steps=max(steps, 1))
    return lambda count: joined(count, (ramp, then), (steps,))


def through(
    count: Array,
    start: Scalar,
    points: Iterable[tuple[int, Scalar]],
    curve: Callable[..., Array],
) -> Scalar:
    """Go from `start` through (boundary, value) pairs, in pieces of `curve`."""
    curves: list[Curve] = []
    boundaries = []
    begin, value = 0, start
    for boundary, end in points:
        steps = max(boundary - begin, 1)
        curves.append(functools.partial(curve, start=value, end=end, steps=steps))
        boundaries.append(boundary)
        begin, value = boundary, end
    return joined(count, [*curves, staying(value)], boundaries)
