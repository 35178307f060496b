"""Functions of the step count, for any hyperparameter."""

from adamx.schedules.inverse_time import (
    inverse_time_decay_schedule as inverse_time_decay_schedule,
)
