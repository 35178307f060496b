"""What a spec is: our optimizer, and the oracle it is to equal."""

from collections.abc import Callable
from pathlib import Path as File
from typing import Any, NamedTuple

import jax
import numpy as np

import adamx
from adamx.testing import Subject, Trajectory, problem, trajectory

GOLDEN = File(__file__).parent / "golden"

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
    gain: float | None = None
    """By how much it multiplies rounding errors; what `GAINS` says by default."""
    extra: Callable[[Any, Any], dict[str, Any]] | None = None
    """From gradients and parameters to the extra arguments of update, where they are
    not to be those of `adamx.testing`."""


def subject(spec: Spec, *paths: Trajectory) -> Subject:
    """The optimizer on trial, with where the oracle goes."""
    known = {"extra": spec.extra, "gain": spec.gain}
    given = {name: value for name, value in known.items() if value is not None}
    return Subject.of(spec.make(), spec.name, references=paths, **given)


def golden(spec: Spec, seed: int) -> Trajectory:
    """Where the oracle went when its golden data were made."""
    with np.load(GOLDEN / f"{spec.name}.npz") as data:
        head = f"{seed}/"
        path = {k.removeprefix(head): data[k] for k in data if k.startswith(head)}
    return Trajectory(*problem(seed), path, spec.tolerance)


def live(spec: Spec, seed: int) -> Trajectory:
    """Where the oracle goes; its library must be installed."""
    with jax.enable_x64(True):
        found = trajectory(spec.oracle, seed)
    return found._replace(tolerance=spec.tolerance)


def references(spec: Spec) -> tuple[Trajectory, Trajectory]:
    """The oracle's path on two problems, without any library."""
    known = live if spec.library is None else golden
    return known(spec, 0), known(spec, 1)
