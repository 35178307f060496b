"""Checks for arguments of builders that are not hyperparameters."""

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from adamx.errors import TransformError, nearest
from adamx.hyperparameters.hyper import Check, number

LAST = 2**31 - 1
"""The largest int32, and so the largest count of steps."""


class Number(Check):
    """Check for a number or an array of shape (), traced or not, but no schedule."""

    above: float = -math.inf
    below: float = math.inf
    zero: bool = True
    """Whether zero is allowed."""
    infinite: bool = False
    """Whether ∞ is allowed."""

    def __contains__(self, x: float) -> bool:
        finite = math.isfinite(x) or (self.infinite and x == math.inf)
        return finite and self.above <= x <= self.below and (self.zero or x != 0)

    def __str__(self) -> str:
        left = "(" if self.above == -math.inf or not self.zero else "["
        open_ = self.below == math.inf and not self.infinite
        right = ")" if open_ else "]"
        return f"{left}{self.above:g}, {self.below:g}{right}"

    def check(self, piece: str, name: str, value: Any) -> Any:
        kinds = f"a number in {self}, or an array of shape ()"
        return number(piece, name, value, self, kinds)


class Whole(Check):
    """Check for an integer from `low` to the largest int32."""

    low: int = 1

    def check(self, piece: str, name: str, value: Any) -> int:
        kinds = f"an integer from {self.low} to {LAST}"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            do = "round it" if isinstance(value, float) else None
            raise refused(piece, f"{name} must be an integer", kinds, repr(value), do)
        if not self.low <= value <= LAST:
            raise refused(piece, f"{name} is out of range", kinds, value)
        return int(value)


class Share(Check):
    """Check for a Python number in (0, 1]; static, because shapes depend on it."""

    def check(self, piece: str, name: str, value: Any) -> float:
        kinds = "a number in (0, 1], no array and no schedule"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(piece, f"{name} must be a number", kinds, repr(value))
        if not 0 < value <= 1:
            raise refused(piece, f"{name} is out of range", kinds, value)
        return float(value)


class OneOf(Check):
    """Check for one of `names`."""

    names: tuple[str, ...]

    def check(self, piece: str, name: str, value: Any) -> str:
        if value not in self.names:
            kinds = " or ".join(map(repr, self.names))
            do = nearest(str(value), self.names)
            raise refused(piece, f"{name} is unknown", kinds, repr(value), do)
        return value


PositiveInteger: TypeAlias = Annotated[int, Whole(1)]
NonNegativeInteger: TypeAlias = Annotated[int, Whole(0)]
Fraction: TypeAlias = Annotated[float, Share()]
Stacking: TypeAlias = Annotated[Literal["loop", "vmap"], OneOf(("loop", "vmap"))]


def refused(
    piece: str, what: str, expected: object, got: object, do: str | None = None
) -> TransformError:
    """Return the error about an argument that a check refuses."""
    return TransformError(f"{piece}: {what}", expected=expected, got=got, hint=do)
