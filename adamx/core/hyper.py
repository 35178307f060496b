"""Hyperparameters: a number, an array or a schedule, checked where they enter."""

import functools
import inspect
import math
import typing
from collections.abc import Callable, Hashable
from typing import Annotated, Any, ParamSpec, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.call import Call, Remembered, Same, key_of
from adamx.core.errors import TransformError
from adamx.core.numerics import scalar_dtype
from adamx.core.record import Record
from adamx.core.types import Array, Scalar, ScalarOrSchedule

P = ParamSpec("P")


class Interval(Record):
    """The numbers a hyperparameter may take: low ≤ x < high, or ≤ high if closed."""

    low: float
    high: float = math.inf
    closed: bool = False

    def __contains__(self, x: float) -> bool:
        if not math.isfinite(x):
            return False
        return self.low <= x and (x <= self.high if self.closed else x < self.high)

    def __str__(self) -> str:
        left = "(" if self.low == -math.inf else "["
        return f"{left}{self.low:g}, {self.high:g}{']' if self.closed else ')'}"


Decay: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0, 1.0)]
"""The share of the past that a moving average keeps, in [0, 1)."""

NonNegative: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0)]
"""A finite number that is not negative."""

Finite: TypeAlias = Annotated[ScalarOrSchedule, Interval(-math.inf)]
"""Any finite number."""


class Schedule(Remembered):
    """A function of the step count that remembers the call that made it.

    Schedules of the user's own, plain functions, become one when they are given as a
    hyperparameter.

    Args:
        function: from the count, an int32 array of shape (), to a number or an array
            of shape (). Must be traceable.
        call: the call that made it; without one, it is equal to those of the same
            function.

    Reference:
        adamx's own.

    Example:
        >>> halve = Schedule(lambda count: 0.5**count)
        >>> float(halve(2))
        0.25
    """

    def __init__(
        self, function: Callable[[Array], Scalar], call: Hashable = None
    ) -> None:
        self.function = function
        self.call = call or Same(function)

    def __call__(self, count: jax.typing.ArrayLike) -> Array:
        """The value at `count`, in the widest float enabled."""
        value = jnp.asarray(self.function(jnp.asarray(count)))
        if value.shape != ():
            raise TransformError(
                "a schedule must return one number",
                piece=repr(self),
                expected="shape ()",
                got=f"shape {value.shape}",
                do="return a scalar; one schedule serves all leaves",
            )
        return value.astype(scalar_dtype())


def schedule(
    builder: Callable[P, Callable[[Array], Scalar]],
) -> Callable[P, Schedule]:
    """Decorate a builder of schedules so that what it builds remembers the call.

    Args:
        builder: a function that returns a function from the step count, an int32 array
            of shape (), to a float scalar.

    Returns:
        The function to use instead; its schedules have repr, equality and hash by the
        call.

    Raises:
        TransformError: (when called) an annotated argument is outside its interval.

    Reference:
        adamx's own.

    Example:
        >>> import adamx
        >>> @adamx.schedule
        ... def halving(init_value: float):
        ...     return lambda count: init_value * 0.5**count
        >>> halving(1.0) == halving(1.0), float(halving(1.0)(2))
        (True, 0.25)
    """

    @functools.wraps(builder)
    def build(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        bound = bind(builder, args, kwargs)
        return Schedule(builder(*bound.args, **bound.kwargs), Call(build, bound))

    return build


def derived(
    function: Callable[..., Scalar], *values: ScalarOrSchedule
) -> ScalarOrSchedule:
    """What `function` makes of hyperparameters: a schedule, if one of them is one."""
    if not any(map(callable, values)):
        return function(*values)

    def value(count: Array) -> Scalar:
        return function(*(v(count) if callable(v) else v for v in values))

    return Schedule(value, call=(function, key_of(values)))


def bind(builder: Callable[..., Any], args: Any, kwargs: Any) -> inspect.BoundArguments:
    """Bind, fill in the defaults, and check every argument that has an `Interval`."""
    signature, intervals = declared(builder)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    for name, interval in intervals.items():
        value = bound.arguments[name]
        if value is not None:
            checked = hyperparameter(builder.__name__, name, value, interval)
            bound.arguments[name] = checked
    return bound


def hyperparameter(piece: str, name: str, value: Any, interval: Interval) -> Any:
    """`value` as a Python float, a float array of shape () or a `Schedule`.

    Raises:
        TransformError: `value` is none of these, or a number outside `interval`.
    """

    def refuse(what: str, got: object) -> TransformError:
        return TransformError(
            f"{piece}: {name} {what}",
            expected=f"a number in {interval}, an array of shape () or a schedule",
            got=got,
        )

    if callable(value):
        function: Callable[..., Any] = value
        return value if isinstance(value, Schedule) else Schedule(function)
    if isinstance(value, jax.Array):
        if value.shape != ():
            raise refuse("must be one number", f"an array of shape {value.shape}")
        return value.astype(jnp.promote_types(value.dtype, jnp.float32))
    single = np.isscalar(value) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if isinstance(value, bool | np.bool_) or not single:
        raise refuse("must be a number", repr(value))
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise refuse("must be a number", repr(value)) from None
    if number not in interval:
        raise refuse(f"must be in {interval}", number)
    return number


def positive_integer(piece: str, name: str, value: Any) -> None:
    """Raise a `TransformError` unless `value` is an integer of at least 1."""
    integer(piece, name, value, 1, "a positive integer")


def integer(piece: str, name: str, value: Any, least: int, what: str) -> None:
    """Raise a `TransformError` unless `value` is an integer of at least `least`."""
    is_one = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_one or value < least:
        raise TransformError(
            f"{piece}: {name} must be {what}",
            expected=f"an integer, at least {least}",
            got=repr(value),
        )


@functools.cache
def declared(
    builder: Callable[..., Any],
) -> tuple[inspect.Signature, dict[str, Interval]]:
    """The signature of a builder, and the intervals of its hyperparameters."""
    hints = typing.get_type_hints(builder, include_extras=True)
    intervals = {}
    for name, hint in hints.items():
        for option in (hint, *typing.get_args(hint)):
            for note in getattr(option, "__metadata__", ()):
                if isinstance(note, Interval) and name != "return":
                    intervals[name] = note
    return inspect.signature(builder), intervals
