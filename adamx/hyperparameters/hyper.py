"""Hyperparameters: numbers, arrays and schedules, checked when a builder is called."""

import functools
import inspect
import math
import typing
import weakref
from collections.abc import Callable, Hashable
from typing import Annotated, Any, ParamSpec, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from adamx.errors import TransformError
from adamx.hyperparameters.call import Call, EqualByCall, NoCall
from adamx.hyperparameters.keys import key_of
from adamx.hyperparameters.signature import readable
from adamx.hyperparameters.slips import (
    NEGATIVE,
    check_schedule,
    not_a_number,
    out_of_range,
    warn_of_negative,
)
from adamx.hyperparameters.unbound import bind_call
from adamx.hyperparameters.user_code import user_code
from adamx.numerics.dtypes import common_dtype, scalar_dtype
from adamx.tree.kinds import kind_of, reports_absence, shown_value
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array, Scalar, ScalarOrSchedule

P = ParamSpec("P")
T = TypeVar("T")


class Check(PytreeDataclass):
    """Base of checks in annotations, which convert an argument or raise an error."""

    def check(self, piece: str, name: str, value: Any) -> Any:
        """Return `value`, converted for the builder.

        Raises:
            TransformError: the builder `piece` cannot take it as the argument `name`.
        """
        raise NotImplementedError(f"{type(self).__name__}.check")


class Interval(Check):
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

    def check(self, piece: str, name: str, value: Any) -> Any:
        if callable(value):
            return as_schedule(value, name, piece)
        kinds = f"a number in {self}, an array of shape () or a schedule"
        found = number(piece, name, value, self, kinds)
        if name in NEGATIVE and isinstance(found, float) and found < 0:
            warn_of_negative(piece, name)
        return found


Decay: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0, 1.0)]
"""The decay of a moving average, in [0, 1)."""

HeavyBall: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0, 1.0, closed=True)]
"""The decay of a discounted sum, in [0, 1]; 1 gives a plain sum."""

NonNegative: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0)]
"""A finite number that is not negative."""

Finite: TypeAlias = Annotated[ScalarOrSchedule, Interval(-math.inf)]
"""Any finite number."""


class Schedule(EqualByCall):
    """A function of the step count that records the call that made it.

    A plain function given as a hyperparameter becomes a `Schedule`.

    Args:
        function: from the count, an int32 array of shape (), to a number or an array
            of shape (). It must be traceable. If it is elementwise, so is the schedule.
        call: the call that made it; without one, schedules of one function are equal.
        argument: the argument that it was given as, for errors.
        piece: the builder with this argument, for errors.

    Example:
        >>> halve = Schedule(lambda count: 0.5**count)
        >>> float(halve(2))
        0.25
    """

    def __init__(
        self,
        function: Callable[[Array], Scalar],
        call: Hashable = None,
        *,
        argument: str = "a schedule",
        piece: str | None = None,
    ) -> None:
        self.function = function
        self.call = call or NoCall(function)
        self.argument, self.piece = argument, piece

    def parts(self) -> tuple[Any, ...]:
        """Return the function and, for a schedule derived from others, its key."""
        known = () if isinstance(self.call, NoCall) else (self.call,)
        return self.function, *known

    @reports_absence
    def __call__(self, count: jax.typing.ArrayLike) -> Array:
        """Return the value at `count`, or at each number in it, in the widest float."""
        try:
            count = jnp.asarray(count)
        except (TypeError, ValueError):
            raise TransformError(
                f"{self!r}: the count must be a number, not {kind_of(count).text}",
                expected="an integer, or an array of them",
                got=shown_value(count),
                hint="schedule(count) is the value at a step",
            ) from None
        if jnp.issubdtype(count.dtype, jnp.integer):
            # JAX refuses to compare an int8 with 1,000, because that overflows.
            count = count.astype(common_dtype(count.dtype, jnp.int32))
        with user_code(self.argument, self.piece or repr(self)):
            returned = self.function(count)
        try:
            value = jnp.asarray(returned)
        except (TypeError, ValueError):
            raise TransformError(
                f"the schedule given as {self.argument} must return one number",
                piece=self.piece or repr(self),
                expected="a number, or an array of shape ()",
                got=shown_value(returned),
                hint="call what builds the schedule" if callable(returned) else None,
            ) from None
        if value.shape not in ((), count.shape):
            raise TransformError(
                "a schedule must return one number",
                piece=repr(self),
                expected=f"shape {count.shape}",
                got=f"shape {value.shape}",
                hint="return a scalar; one schedule serves all leaves",
            )
        return jnp.broadcast_to(value.astype(scalar_dtype()), count.shape)


def as_schedule(
    function: Callable[..., Any],
    argument: str = "a schedule",
    piece: str | None = None,
) -> Schedule:
    """Return `function` as a `Schedule`, unless it is one."""
    if isinstance(function, Schedule):
        return function
    check_schedule(function, argument, piece)
    return Schedule(function, argument=argument, piece=piece)


def schedule(
    builder: Callable[P, Callable[[Array], Scalar]],
) -> Callable[P, Schedule]:
    """Decorate a builder of schedules so that its results record the call.

    Args:
        builder: a function that returns a function from the step count, an int32 array
            of shape (), to a float scalar.

    Returns:
        The decorated builder; its schedules have repr, equality and hash by the call.

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

    vars(build)["__signature__"] = shown_signature(builder, "Schedule")
    return build


def shown_signature(builder: Callable[..., Any], returns: str) -> inspect.Signature:
    """Return the signature of a builder for `help`, with aliases such as `Decay`."""
    return readable(builder, {**globals(), **builder.__globals__}, returns)


_BUILD = schedule(lambda: lambda count: 0.0).__code__
"""The code of all decorated builders; a set of builders would keep them alive."""


def is_schedule_builder(x: object) -> bool:
    """Return whether `x` is a function decorated with `schedule`."""
    return inspect.isfunction(x) and x.__code__ == _BUILD


def derived(
    function: Callable[..., Scalar], *values: ScalarOrSchedule
) -> ScalarOrSchedule:
    """Return `function(*values)`, as a schedule if one of the values is a schedule."""
    if not any(map(callable, values)):
        return function(*values)

    def value(count: Array) -> Scalar:
        return function(*(v(count) if callable(v) else v for v in values))

    return Schedule(value, call=(function, key_of(values)))


def of_builder(make: Callable[[Any], T]) -> Callable[[Callable[..., Any]], T]:
    """Cache the result of `make` for each builder, as long as the builder lives."""
    known: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()

    @functools.wraps(make)
    def found(builder: Callable[..., Any]) -> T:
        try:
            if builder not in known:
                known[builder] = make(builder)
            return known[builder]
        except TypeError:  # for example a bound method, which lives for one call
            return make(builder)

    return found


def bind(builder: Callable[..., Any], args: Any, kwargs: Any) -> inspect.BoundArguments:
    """Bind the arguments, fill in defaults, and run every `Check`."""
    signature, checks = declared(builder)
    bound = bind_call(builder.__name__, signature, args, kwargs)
    bound.apply_defaults()
    for name, check in checks.items():
        value = bound.arguments[name]
        if value is not None or name not in _optional(builder):
            bound.arguments[name] = check.check(builder.__name__, name, value)
    return bound


@of_builder
def _optional(builder: Callable[..., Any]) -> frozenset[str]:
    """Return the arguments that may be None."""
    hints = typing.get_type_hints(builder, include_extras=True)
    return frozenset(n for n, h in hints.items() if type(None) in typing.get_args(h))


def number(piece: str, name: str, value: Any, allowed: Any, kinds: str) -> Any:
    """Return `value` as a Python float, or an array of shape () in the widest float.

    Raises:
        TransformError: `value` is not one real number, or is not in `allowed`.
    """

    def refuse(what: str, got: object) -> TransformError:
        return TransformError(f"{piece}: {name} {what}", expected=kinds, got=got)

    if isinstance(value, jax.Array):
        if value.shape != ():
            raise refuse("must be one number", f"an array of shape {value.shape}")
        if not any(jnp.issubdtype(value.dtype, d) for d in (jnp.integer, jnp.floating)):
            raise refuse("must be a real number", f"an array of {value.dtype}")
        # The dtype of schedules, because strict promotion refuses to mix floats.
        return value.astype(scalar_dtype())
    single = np.isscalar(value) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if isinstance(value, bool | np.bool_ | str | bytes) or not single:
        raise not_a_number(piece, name, value, kinds)
    try:
        found = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise not_a_number(piece, name, value, kinds) from None
    if found not in allowed:
        raise out_of_range(piece, name, found, allowed, kinds)
    return found


@of_builder
def declared(
    builder: Callable[..., Any],
) -> tuple[inspect.Signature, dict[str, Check]]:
    """Return the signature of a builder, and the checks of its arguments by name."""
    hints = typing.get_type_hints(builder, include_extras=True)
    checks: dict[str, Check] = {}
    for name, hint in hints.items():
        for option in (hint, *typing.get_args(hint)):
            for note in getattr(option, "__metadata__", ()):
                if isinstance(note, Check) and name != "return":
                    checks[name] = note
    return inspect.signature(builder), checks
