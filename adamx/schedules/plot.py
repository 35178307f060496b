"""A picture of a schedule."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from adamx.extras import needed_for
from adamx.hyperparameters.arguments import Whole
from adamx.hyperparameters.hyper import as_schedule
from adamx.types import Scalar

POINTS = 2000
"""So many counts are evaluated; of more steps, that many evenly spaced ones."""


def plot(schedule: Callable[[Any], Scalar], steps: int, ax: Any = None) -> Any:
    """Draw the value against the step count, from 0 to `steps`.

    Each step is drawn as a level. This needs matplotlib, which is in the extra `plot`.

    Args:
        schedule: a schedule, or any function from the step count to a scalar.
        steps: the last count, an integer ≥ 1.
        ax: the axes to draw on; None makes a figure with axes.

    Returns:
        The axes, whose new line is labelled with the call that made the schedule.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.

    Example:
        >>> import matplotlib; matplotlib.use("agg")
        >>> from adamx.schedules import linear_schedule, plot
        >>> plot(linear_schedule(1.0, 0.0, 10), steps=12).get_xlabel()
        'step'
    """
    steps = Whole(1).check("plot", "steps", steps)
    whole = as_schedule(schedule)
    if ax is None:
        with needed_for("adamx.schedules.plot", "plot"):
            from matplotlib.figure import Figure

        ax = Figure(figsize=(6, 3)).add_subplot()
    counts = np.unique(np.linspace(0, steps, min(steps, POINTS) + 1).round())
    values = jax.vmap(whole)(counts.astype(np.int32))
    ax.step(counts, np.asarray(values), where="post", label=repr(whole))
    ax.set(xlabel="step", ylabel="value", xlim=(0, steps))
    return ax
