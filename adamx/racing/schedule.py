"""The schedules of a race, the same for all optimizers."""

from collections.abc import Callable

from adamx.hyperparameters.arguments import OneOf
from adamx.schedules.cosine import cosine_decay_schedule
from adamx.schedules.polynomial import linear_schedule
from adamx.schedules.warmup import warmup_cosine_decay_schedule
from adamx.types import Array, Scalar, ScalarOrSchedule

SCHEDULES: dict[str, Callable[[int], Callable[[Array], Scalar]] | None] = {
    "constant": None,
    "linear": lambda steps: linear_schedule(1.0, 0.0, steps),
    "cosine": lambda steps: cosine_decay_schedule(1.0, steps),
    "warmup_cosine": lambda steps: warmup_cosine_decay_schedule(
        0.0, 1.0, max(1, steps // 10), max(2, steps)
    ),
}
"""From the steps of a run to the share of the rate in use; a tenth is warm-up."""


def known(name: str) -> str:
    """Return `name`, if there is such a schedule.

    Raises:
        TransformError: there is none; the message has the nearest.
    """
    return OneOf(tuple(SCHEDULES)).check("race", "schedule", name)


def scheduled(name: str, steps: int, rate: Scalar) -> ScalarOrSchedule:
    """Return `rate`, or a schedule that is `rate` times a share of it."""
    make = SCHEDULES[name]
    if make is None:
        return rate
    share = make(steps)
    return lambda count: rate * share(count)
