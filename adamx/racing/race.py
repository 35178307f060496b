"""Run chosen optimizers on a task, each with the same budget."""

import contextlib
import dataclasses
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

from adamx.errors import TransformError
from adamx.hyperparameters.arguments import Whole
from adamx.racing.entrants import Entrant, find_entrants
from adamx.racing.heat import Finish, Heat, Lap
from adamx.racing.results import FILE, Outcome, Race
from adamx.racing.schedule import known
from adamx.racing.step import DEARER, wanted
from adamx.racing.task import Task
from adamx.racing.tasks import find_task
from adamx.racing.trajectories import trajectory

USUAL = ("sgd", "momentum", "rmsprop", "adam", "adamw", "lion")
CHECKPOINTS = 50
Watch = Callable[[Lap], Any]


def race(
    task: str | Task | Callable[[], Any] = "digits",
    optimizers: str | Iterable[Any] | Mapping[str, Any] = USUAL,
    *,
    steps: int | None = None,
    rates: int = 9,
    decades: float = 4.0,
    seeds: int | Sequence[int] = 3,
    schedule: str = "constant",
    grids: Mapping[str, Sequence[float]] | None = None,
    target: float | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool | Watch = True,
) -> Race:
    """Compare optimizers on a task, with an equal tuning budget for each.

    Every optimizer gets the same number of learning rates, equally far apart in their
    logarithm around its documented default, the same steps, and for each seed the same
    start and the same batches. Its rates and seeds run together, as one program. The
    best rate is that of the least final validation loss, as the mean over the seeds.

    On Ctrl-C the race ends with the optimizers that have finished.

    Args:
        task: the name of one that is built in, a `Task`, or a function that makes one.
        optimizers: names with commas between, as in "adam, sgd(momentum=0.9)"; or
            names, builders and `Entrant`; or a mapping from names to functions from
            the learning rate to a transform, Optax's too.
        steps: how many each run has, an integer ≥ 1; None for what the task says.
        rates: how many learning rates each optimizer gets, an integer ≥ 1.
        decades: how many powers of ten the grid spans, a number > 0.
        seeds: how many, or which; of start and batches.
        schedule: "constant", "linear", "cosine" or "warmup_cosine"; for all the same.
        grids: the learning rates of single optimizers, by name, of the same number.
        target: the validation loss that counts as reached; None for what the task says.
        folder: where to keep what has finished, and to write tables, pictures and a
            page; None for nowhere.
        resume: whether to go on with what is in `folder`.
        progress: whether to show a bar, or a function to call at each checkpoint.

    Returns:
        The race: for each optimizer the losses, of shape (checkpoints, rates, seeds),
        and what follows from them.

    Raises:
        TransformError: there is no such task, optimizer or schedule, with the nearest
            name; an optimizer cannot race; or the race in `folder` is another one.
        ModuleNotFoundError: what the extra `race` installs is needed, and not there.

    Reference:
        Choi et al., "On Empirical Comparisons of Optimizers for Deep Learning",
        2019, arXiv:1910.05446, for the budget.

    Example:
        >>> import adamx
        >>> result = adamx.race(
        ...     "valley", "sgd, adam", steps=20, rates=3, seeds=1, progress=False
        ... )
        >>> sorted(outcome.name for outcome in result.outcomes)
        ['adam', 'sgd']
    """
    task = find_task(task)
    entrants = find_entrants(optimizers)
    steps = task.steps if steps is None else steps
    lines = {e.name: e.grid(rates, decades) for e in entrants} | dict(grids or {})
    seeds = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    _check(entrants, lines, {"steps": steps, "rates": rates, "seeds": len(seeds)})
    settings = {
        "steps": steps,
        "rates": rates,
        "decades": decades,
        "seeds": seeds,
        "schedule": known(schedule),
        "clip": task.clip if np.isfinite(task.clip) else None,
    }
    goal = task.target if target is None else target
    names = [entrant.name for entrant in entrants]
    result = Race(task.name, task.title, goal, settings, versions(), task.plane)
    folder = None if folder is None else Path(folder)
    done = _finished(folder, result) if resume and folder is not None else {}
    for name, outcome in done.items():
        if name not in lines or lines[name] == outcome.rates:
            result.outcomes.append(outcome)
    have = {outcome.name for outcome in result.outcomes}
    result.waiting.extend(name for name in names if name not in have)
    heats = {e.name: Heat(task, e, steps, schedule) for e in entrants}
    for name in result.waiting:  # raise before anything runs
        jax.eval_shape(lambda n=name: heats[n].transform(1.0) and 0)
    try:
        with _watched(progress, result.waiting) as watch:
            for name in [*result.waiting]:
                result.outcomes.append(run(heats[name], lines[name], seeds, watch))
                result.waiting.remove(name)
                if folder is not None:
                    result.write(folder)
    except KeyboardInterrupt:
        if not result.outcomes:
            raise
    if folder is not None:
        # imported late, because it imports the libraries that draw
        from adamx.racing.report import report

        report(result, folder, task.validate)
    return result


def run(
    heat: Heat, rates: Sequence[float], seeds: Sequence[int], watch: Watch | None
) -> Outcome:
    """Return all runs of one optimizer."""
    finish = None
    for lap in heat.laps(rates, seeds, checkpoints(heat.steps)):
        if isinstance(lap, Finish):
            finish = lap
        elif watch is not None:
            watch(lap)
    assert finish is not None
    outcome = Outcome(
        heat.entrant.name,
        list(rates),
        finish.checkpoints,
        finish.training,
        finish.validation,
        finish.diverged,
        finish.accuracy,
        heat.bytes_per_parameter(),
        finish.seconds,
        finish.compile_seconds,
        heat.alone(rates[len(rates) // 2], seeds[0]),
        sorted(wanted(heat.transform(1.0)) & DEARER),
    )
    if heat.task.plane is None or outcome.best is None:
        return outcome
    path = trajectory(heat, outcome.best_rate, seeds[0])
    return dataclasses.replace(outcome, path=path)


def checkpoints(steps: int) -> list[int]:
    """Return the steps of the validation losses, the first and last among them."""
    many = min(steps, CHECKPOINTS)
    return np.unique(np.linspace(0, steps, many + 1).round().astype(int)).tolist()


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    found |= {name: metadata.version(name) for name in ("jax", "jaxlib")}
    found["device"] = f"{jax.devices()[0].device_kind}"
    return found


def _check(
    entrants: list[Entrant],
    lines: Mapping[str, Sequence[float]],
    counts: dict[str, int],
) -> None:
    for what, many in counts.items():
        Whole(1).check("race", what, many)
    names = [entrant.name for entrant in entrants]
    for name, line in lines.items():
        if name not in names:
            raise TransformError(
                f"race: a grid for {name!r}, which does not race", got=", ".join(names)
            )
        if len(line) != counts["rates"]:
            raise TransformError(
                "race: every optimizer gets the same number of rates",
                where=name,
                expected=f"{counts['rates']} rates",
                got=len(line),
            )


def _finished(folder: Path, like: Race) -> dict[str, Outcome]:
    """Return the outcomes of the same race that a folder has."""
    if not (folder / FILE).exists():
        return {}
    old = Race.read(folder)
    here = {"task": like.task, **like.settings}
    there = {"task": old.task, **old.settings}
    other = [k for k in here if here[k] != there.get(k)]
    if other:
        raise TransformError(
            "the race to resume is another one",
            where=str(folder / FILE),
            expected=", ".join(f"{k} {there.get(k)}" for k in other),
            got=", ".join(f"{k} {here[k]}" for k in other),
            hint="give the same options, or another folder",
        )
    return {outcome.name: outcome for outcome in old.outcomes}


@contextlib.contextmanager
def _watched(progress: bool | Watch, names: list[str]) -> Any:
    if progress is True:
        from adamx.racing.progress import bars

        with bars(names) as watch:
            yield watch
    else:
        yield progress or None
