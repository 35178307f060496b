"""Checks of the arguments of schedules, for their annotations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import jax

from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    Number,
    PositiveInteger,
    Whole,
    refused,
)
from adamx.hyperparameters.hyper import Check, Schedule, as_schedule, number
from adamx.types import Scalar


class Share(Number):
    """A share of the steps, in [0, 1]; never traced, because it sets a boundary."""

    above: float = 0.0
    below: float = 1.0

    def check(self, piece: str, name: str, value: Any) -> float:
        kinds = f"a Python number in {self}"
        if isinstance(value, jax.Array):
            raise refused(piece, f"{name} must be a Python number", kinds, repr(value))
        return number(piece, name, value, self, kinds)


class Scaled(Check):
    """A dict from boundaries to the factors of the value there."""

    def check(self, piece: str, name: str, value: Any) -> dict[int, Scalar]:
        kinds = "a dict {boundary: scale} of integers ≥ 0 and numbers ≥ 0"
        if not isinstance(value, Mapping):
            raise refused(piece, f"{name} must be a dict", kinds, repr(value))
        boundary, scale = Whole(0), Number(above=0.0)
        found = {
            boundary.check(piece, f"a boundary in {name}", b): scale.check(
                piece, f"{name}[{b!r}]", s
            )
            for b, s in value.items()
        }
        return dict(sorted(found.items()))


class Several(Check):
    """Schedules, or functions from the count, as a tuple."""

    def check(self, piece: str, name: str, value: Any) -> tuple[Schedule, ...]:
        kinds = "a sequence of schedules"
        if callable(value) or not isinstance(value, Iterable):
            raise refused(piece, f"{name} must be a sequence", kinds, repr(value))
        found = tuple(value)
        for i, one in enumerate(found):
            if not callable(one):
                do = "for a number, constant_schedule(it)"
                raise refused(piece, f"{name}[{i}] is none", "a schedule", one, do)
        if not found:
            raise refused(piece, f"{name} is empty", "at least one schedule", found)
        return tuple(as_schedule(f, f"{name}[{i}]", piece) for i, f in enumerate(found))


class Boundaries(Check):
    """Counts in order, as a tuple."""

    def check(self, piece: str, name: str, value: Any) -> tuple[int, ...]:
        kinds = "integers ≥ 0 in increasing order"
        if not isinstance(value, Iterable):
            raise refused(piece, f"{name} must be a sequence", kinds, repr(value))
        each = [Whole(0).check(piece, f"{name}[{i}]", b) for i, b in enumerate(value)]
        if each != sorted(each):
            raise refused(piece, f"{name} are not in order", kinds, each, "sort them")
        return tuple(each)


class Settings(Check):
    """Keyword arguments for each of several calls, as a tuple of dicts."""

    def check(self, piece: str, name: str, value: Any) -> tuple[dict[str, Any], ...]:
        kinds = "a sequence of dicts, at least one"
        each = None if isinstance(value, Mapping | str) else value
        found = tuple(each) if isinstance(each, Iterable) else ()
        if not found or not all(isinstance(kwargs, Mapping) for kwargs in found):
            raise refused(piece, f"{name} must be dicts", kinds, repr(value))
        return tuple(map(dict, found))


AnyNumber: TypeAlias = Annotated[Scalar, Number()]
AtLeastZero: TypeAlias = Annotated[Scalar, Number(above=0.0)]
Positive: TypeAlias = Annotated[Scalar, Number(above=0.0, zero=False)]
ShareOfSteps: TypeAlias = Annotated[float, Share()]
Steps: TypeAlias = PositiveInteger
StepsOrNone: TypeAlias = NonNegativeInteger
Scales: TypeAlias = Annotated[Mapping[int, Scalar], Scaled()]
Schedules: TypeAlias = Annotated[Sequence[Callable[[Any], Scalar]], Several()]
InOrder: TypeAlias = Annotated[Sequence[int], Boundaries()]
Calls: TypeAlias = Annotated[Iterable[Mapping[str, Any]], Settings()]
