"""Draw the pictures of docs/schedules.md: python -m benchmarks.schedules."""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import adamx
from adamx.hyperparameters.hyper import Schedule
from adamx.schedules import plot

FOLDER = Path(__file__).parents[1] / "docs" / "schedules"

STEPS = 100

CYCLE = {"init_value": 0.1, "warmup_steps": 5, "decay_steps": 50}

SHOWN: list[Schedule] = [
    adamx.constant_schedule(0.5),
    adamx.linear_schedule(1.0, 0.1, 60, 20),
    adamx.polynomial_schedule(1.0, 0.0, 2, 80),
    adamx.cosine_decay_schedule(1.0, 80, 0.1),
    adamx.exponential_decay(1.0, 20, 0.5, end_value=0.05),
    adamx.inverse_time_decay_schedule(1.0, 0.5, 10),
    adamx.inverse_sqrt_schedule(1.0, 10),
    adamx.warmup_constant_schedule(0.0, 1.0, 20),
    adamx.warmup_cosine_decay_schedule(0.0, 1.0, 20, 90),
    adamx.warmup_exponential_decay_schedule(0.0, 1.0, 20, 20, 0.5, staircase=True),
    adamx.warmup_inverse_sqrt_schedule(0.0, 1.0, 10),
    adamx.warmup_stable_decay_schedule(0.0, 1.0, 15, 50, 30, decay_type="1-sqrt"),
    adamx.cosine_onecycle_schedule(90, 1.0, div_factor=5.0),
    adamx.linear_onecycle_schedule(90, 1.0, div_factor=5.0),
    adamx.piecewise_constant_schedule(1.0, {30: 0.5, 70: 0.2}),
    adamx.piecewise_interpolate_schedule("cosine", 0.5, {30: 2.0, 80: 0.2}),
    adamx.sgdr_schedule([{**CYCLE, "peak_value": 1.0}, {**CYCLE, "peak_value": 0.6}]),
    adamx.join_schedules(
        [adamx.linear_schedule(0.2, 1.0, 30), adamx.exponential_decay(1.0, 1, 0.95)],
        [30],
    ),
]
"""One of each."""


def name(schedule: Schedule) -> str:
    """That of its builder."""
    return repr(schedule).partition("(")[0]


def draw(schedule: Schedule, file: Path) -> None:
    """A small picture without words; the page has them."""
    figure = Figure(figsize=(2.0, 1.0), dpi=100)
    ax = figure.add_axes((0.02, 0.04, 0.96, 0.92))
    plot(schedule, STEPS, ax)
    ax.set(ylim=(-0.05, 1.05), xlabel="", ylabel="", xticks=[], yticks=[])
    ax.lines[0].set(color="#4477aa", linewidth=2)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Software": None})


def main() -> None:
    """Write all pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=FOLDER)
    folder = options.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for schedule in SHOWN:
        draw(schedule, folder / f"{name(schedule)}.png")


if __name__ == "__main__":
    main()
