"""What a spec is: our optimizer, and the oracle it is to equal."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import adamx

RATE = 1e-2

Path = dict[str, np.ndarray]
"""The parameters after each step, stacked, by name."""

Oracle = Callable[[dict[str, Any], list[dict[str, Any]]], Path]
"""From parameters and gradients, float64 NumPy arrays by name, to a path."""


class Spec(NamedTuple):
    """One optimizer in one form, beside its oracle.

    `library` is the package that the oracle needs; its golden path is stored by
    `tests/golden/make.py`. None says that the oracle is the paper's formula, written
    here in NumPy; it is always run.
    """

    name: str
    make: Callable[[], adamx.Transform]
    library: str | None
    oracle: Oracle
    tolerance: float = 1e-12
    """In steps, in float64. If larger than this, a comment says why."""
