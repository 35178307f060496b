"""Functions of the step count, for any hyperparameter.

Each builder returns a schedule: a function from the step count t, an int32 array of
any shape, to a float array of that shape.
"""

from adamx.schedules.constant import constant_schedule as constant_schedule
from adamx.schedules.cosine import cosine_decay_schedule as cosine_decay_schedule
from adamx.schedules.exponential import exponential_decay as exponential_decay
from adamx.schedules.inverse_sqrt import inverse_sqrt_schedule as inverse_sqrt_schedule
from adamx.schedules.inverse_time import (
    inverse_time_decay_schedule as inverse_time_decay_schedule,
)
from adamx.schedules.join import join_schedules as join_schedules
from adamx.schedules.onecycle import (
    cosine_onecycle_schedule as cosine_onecycle_schedule,
)
from adamx.schedules.onecycle import (
    linear_onecycle_schedule as linear_onecycle_schedule,
)
from adamx.schedules.piecewise import (
    piecewise_constant_schedule as piecewise_constant_schedule,
)
from adamx.schedules.piecewise import (
    piecewise_interpolate_schedule as piecewise_interpolate_schedule,
)
from adamx.schedules.plot import plot as plot
from adamx.schedules.polynomial import linear_schedule as linear_schedule
from adamx.schedules.polynomial import polynomial_schedule as polynomial_schedule
from adamx.schedules.restarts import sgdr_schedule as sgdr_schedule
from adamx.schedules.stable_decay import (
    warmup_stable_decay_schedule as warmup_stable_decay_schedule,
)
from adamx.schedules.warmup import warmup_constant_schedule as warmup_constant_schedule
from adamx.schedules.warmup import (
    warmup_cosine_decay_schedule as warmup_cosine_decay_schedule,
)
from adamx.schedules.warmup import (
    warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
)
from adamx.schedules.warmup import (
    warmup_inverse_sqrt_schedule as warmup_inverse_sqrt_schedule,
)
