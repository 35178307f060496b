"""Errors about values in the place of a number, with hints."""

import inspect
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

from adamx.errors import ArgumentError, TransformError, laid_out
from adamx.hyperparameters.signature import without_types
from adamx.hyperparameters.vocabulary import IN_INIT
from adamx.tree.kinds import call_of, kind_of, makes, shown_value


def not_a_number(piece: str, name: str, value: Any, expected: str) -> TransformError:
    """Return the error about a value that is not a number."""
    return ArgumentError(
        f"{piece}: {name} must be a number, not {kind_of(value).text}",
        expected=expected,
        got=shown_value(value),
        hint=_meant(name, value),
    )


def _meant(name: str, value: Any) -> str | None:
    """Return a hint for a value in the place of a number."""
    match kind_of(value).name:
        case "builder" if makes(value) == "Schedule":
            return f"call it: {name}={call_of(value)}"
        case "function":
            return "a schedule is a function of one argument, the step count"
        case "string" if _is_number(value):
            return f"leave out the quotes, or convert it: float({value!r})"
        case "string" if name == "learning_rate":
            return "call a schedule: adamx.cosine_decay_schedule(1e-3, steps)"
        case "numbers" if name == "b1" and len(value) == 2:
            return f"each is an argument: b1={value[0]!r}, b2={value[1]!r}"
        case "numbers":
            return f"give one number; over the steps a schedule: {name}=lambda count: …"
        case "tree" | "iterator":
            return IN_INIT
        case "builder" | "transform":
            return "adamx.chain(…) combines transforms"
        case "none" if name == "learning_rate":
            return "it has no default; 1e-3 is usual for Adam"
    return None


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def out_of_range(
    piece: str, name: str, value: float, allowed: Any, expected: str
) -> TransformError:
    """Return the error about a number outside the allowed interval."""
    percent = 10 <= value <= 100 and 0.5 in allowed
    return TransformError(
        f"{piece}: {name} must be in {allowed}",
        expected=expected,
        got=value,
        hint=f"{value:g} % is {value / 100:g}" if percent else None,
    )


def check_schedule(function: Callable[..., Any], name: str, piece: str | None) -> None:
    """Raise a `TransformError` for a function that cannot take the step count alone."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return
    builder = makes(function)
    if builder is None and _binds(signature):
        return
    count = len(signature.parameters)
    kind = kind_of(function).text if builder else f"a function of {count} arguments"
    raise ArgumentError(
        f"{piece or 'a schedule'}: {name} must be a number or a schedule, not {kind}",
        expected="a function of one argument, the step count",
        got=f"{getattr(function, '__name__', 'it')}{without_types(signature)}",
        hint=f"call it: {name}={call_of(function)}"
        if count > 1 and builder != "Transform"
        else _meant(name, function),
    )


def _binds(signature: inspect.Signature) -> bool:
    """Return whether a function can be called with one argument."""
    try:
        signature.bind(0)
    except TypeError:
        return False
    return True


NEGATIVE = {
    "learning_rate": (
        "the steps go uphill",
        "give a positive rate, because the updates have the minus sign already",
    ),
    "weight_decay": ("the weights grow in each step", "give a positive number"),
}
"""The effect of a negative number, and a hint, by argument."""


def warn_of_negative(piece: str, name: str) -> None:
    """Warn of a negative number, once for each line of the user's code.

    A builder that another builder calls does not warn, because its caller may need the
    sign, as `nadamw` does.
    """
    # Frame 3, because frame 0 is this function, 1 the check, and 2 `bind`.
    build = sys._getframe(3)
    caller, level = build.f_back, 5
    while _module(caller) == INJECTING:
        caller, level = caller and caller.f_back, level + 1
    outer = caller
    while outer is not None and outer.f_code is not build.f_code:
        outer = outer.f_back
    if outer is None and not _module(caller).startswith("adamx."):
        effect, hint = NEGATIVE[name]
        text = laid_out(f"{piece}: {name} is negative, so {effect}", hint=hint)
        warnings.warn(text, stacklevel=level)


INJECTING = "adamx.wrappers.inject_hyperparams"
"""The module that calls builders with a user's numbers."""


def _module(frame: types.FrameType | None) -> str:
    return "" if frame is None else frame.f_globals.get("__name__", "")
