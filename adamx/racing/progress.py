"""Bars that show how far a race is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adamx.racing.extras import extras
from adamx.racing.heat import Lap


@contextmanager
def bars(names: list[str]) -> Iterator[Callable[[Lap], None]]:
    """Show a bar for each optimizer, with its least loss so far, on standard error."""
    with extras():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.completed:>6}/{task.total:.0f} steps"),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        lines = {
            name: shown.add_task(name, total=None, start=False, best="", visible=False)
            for name in names
        }

        def watch(lap: Lap) -> None:
            line = lines[lap.name]
            if lap.step == 0:
                shown.start_task(line)
            best = f"best loss {lap.best:.4g}"
            if lap.alive < lap.runs:
                best += f", {lap.runs - lap.alive} of {lap.runs} diverged"
            done = lap.steps if lap.alive == 0 else lap.step
            shown.update(line, completed=done, total=lap.steps, best=best, visible=True)

        yield watch
