"""The files of a race: tables, pictures and a page."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from adamx.racing.extras import extras
from adamx.racing.pictures import curves, forgiveness, trajectories
from adamx.racing.results import Race
from adamx.racing.table import caveats, rows, write_runs, write_table

TEMPLATE = Path(__file__).with_name("page.html")
KINDS = {".png": "image/png", ".gif": "image/gif"}


def report(
    race: Race, folder: Path, loss: Callable[[jax.Array], jax.Array] | None = None
) -> None:
    """Write table.csv, runs.csv, pictures and race.html into `folder`.

    The loss is needed for the contours of a problem of two numbers.
    """
    write_table(race, folder / "table.csv")
    write_runs(race, folder / "runs.csv")
    captions = {
        "curves.png": "Validation loss of the best rate of each optimizer. Lines are "
        "means, bands go from the least to the largest of the seeds.",
        "rates.png": "Final validation loss against the learning rate: the wider the "
        "hollow, the more forgiving the optimizer.",
    }
    curves(race, folder / "curves.png")
    forgiveness(race, folder / "rates.png")
    paths = {o.label: o.path for o in race.ranked if o.path is not None}
    if race.plane is not None and loss is not None and paths:
        for name in ("trajectories.png", "trajectories.gif"):
            trajectories(loss, race.plane, paths, folder / name, race.title)
        captions["trajectories.png"] = "Where each went, at its best rate."
        captions["trajectories.gif"] = "The same, as it happened."
    write_page(race, folder / "race.html", {folder / k: v for k, v in captions.items()})


def write_page(race: Race, file: Path, captions: dict[Path, str]) -> None:
    """Return one HTML page with its pictures inside: it can be sent as it is."""
    with extras():
        from jinja2 import Environment
    shown: list[dict[str, Any]] = [
        {
            "caption": caption,
            "kind": KINDS[picture.suffix],
            "data": base64.b64encode(picture.read_bytes()).decode(),
        }
        for picture, caption in captions.items()
    ]
    template = Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    page = template.render(
        race=race, rows=rows(race), caveats=caveats(race), pictures=shown
    )
    file.write_text(page, "utf-8")
