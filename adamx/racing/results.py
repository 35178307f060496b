"""The results of a race: plain data, written to a file and read again."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adamx.errors import TransformError
from adamx.racing.heat import ALIVE
from adamx.racing.task import Plane

FILE = "race.json"


@dataclass(frozen=True)
class Outcome:
    """All runs of one optimizer. Arrays are of checkpoints, rates and seeds."""

    name: str
    rates: list[float]
    checkpoints: np.ndarray
    training: np.ndarray
    """The mean loss of the batches since the last checkpoint; NaN once diverged."""
    validation: np.ndarray
    """NaN once diverged."""
    diverged: np.ndarray
    """The step at which a run diverged, or −1."""
    accuracy: np.ndarray | None
    state_bytes: float
    """The bytes of state for each parameter."""
    seconds: float
    compile_seconds: float
    step_seconds: float
    """The seconds of a step of one run by itself."""
    dearer: list[str]
    """The arguments of its update that cost more than the gradient of the step."""
    path: np.ndarray | None = None
    """The path of the best run, for a problem of two numbers."""

    @property
    def final(self) -> np.ndarray:
        """Return the last validation loss of each rate and seed; ∞ if it diverged."""
        return np.where(self.diverged == ALIVE, self.validation[-1], np.inf)

    @property
    def means(self) -> np.ndarray:
        """Return the mean over the seeds, for each rate."""
        return self.final.mean(axis=1)

    @property
    def best(self) -> int | None:
        """Return the rate, by its place, of the least mean; None where all diverged."""
        return int(self.means.argmin()) if np.isfinite(self.means).any() else None

    @property
    def best_rate(self) -> float:
        """Return the best rate; NaN if all diverged."""
        return math.nan if self.best is None else self.rates[self.best]

    @property
    def label(self) -> str:
        """Return the name in pictures: that of the optimizer and its best rate."""
        return f"{self.name}, {self.best_rate:g}"

    @property
    def at_edge(self) -> bool:
        """Return whether a better rate may lie outside the grid."""
        return self.best in (0, len(self.rates) - 1) and len(self.rates) > 1

    @property
    def loss(self) -> tuple[float, float]:
        """Return mean and standard deviation of the final loss, at the best rate."""
        if self.best is None:
            return math.inf, math.nan
        final = self.final[self.best]
        return float(final.mean()), float(final.std(ddof=1)) if len(final) > 1 else 0.0

    def steps_to(self, target: float | None) -> float:
        """Return the steps until the validation loss is at `target`, as a median.

        At the best rate; ∞ where half of the seeds are never there.
        """
        if target is None or self.best is None:
            return math.inf
        reached = self.validation[:, self.best] <= target
        first = np.where(
            reached.any(axis=0), self.checkpoints[reached.argmax(axis=0)], np.inf
        )
        return float(np.quantile(first, 0.5, method="higher"))


@dataclass(frozen=True)
class Race:
    """The task, the common settings, and the outcome of each optimizer."""

    task: str
    title: str
    target: float | None
    settings: dict[str, Any]
    """Steps, seeds, rates and whatever else was the same for all."""
    versions: dict[str, str]
    plane: Plane | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Optimizers that have not run: the race was interrupted."""

    @property
    def ranked(self) -> list[Outcome]:
        """Return the outcomes, the least loss first."""
        return sorted(self.outcomes, key=lambda outcome: outcome.loss[0])

    def write(self, folder: Path) -> None:
        """Write all of it to `race.json`, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_plain(dataclasses.asdict(self)), indent=1, allow_nan=False)
        fresh = folder / f"{FILE}.part"
        fresh.write_text(text)
        fresh.replace(folder / FILE)

    @staticmethod
    def read(folder: Path) -> "Race":
        """Return the race that `write` wrote.

        Raises:
            TransformError: there is no such file, or it is not a race.
        """
        file = folder / FILE
        try:
            found = json.loads(file.read_text())
            outcomes = [_outcome(each) for each in found.pop("outcomes")]
            plane = found.pop("plane")
            plane = None if plane is None else Plane(*map(_tuples, plane))
            return Race(**found, plane=plane, outcomes=outcomes)
        except FileNotFoundError:
            raise TransformError("there is no race here", where=str(file)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise TransformError(
                "this is not the file of a race", where=str(file), got=repr(error)
            ) from None


def _outcome(found: dict[str, Any]) -> Outcome:
    kinds = dict.fromkeys(("training", "validation", "accuracy", "path"), float)
    kinds |= dict.fromkeys(("checkpoints", "diverged"), int)
    for name, kind in kinds.items():
        if found[name] is not None:
            found[name] = np.array(found[name], kind)
    return Outcome(**found)


def _plain(x: Any) -> Any:
    """Return lists and numbers for JSON; NaN and ∞ become null."""
    if isinstance(x, np.ndarray):
        return _plain(x.tolist())
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x


def _tuples(x: Any) -> Any:
    return tuple(map(_tuples, x)) if isinstance(x, list) else x
