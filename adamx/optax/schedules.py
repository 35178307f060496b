"""Optax's `schedules`."""

from adamx.lazy import on_first_use as _on_first_use

with _on_first_use(globals(), "adamx.names"):
    from optax.schedules import (
        InjectStatefulHyperparamsState as InjectStatefulHyperparamsState,
    )
    from optax.schedules import StatefulSchedule as StatefulSchedule
    from optax.schedules import WrappedSchedule as WrappedSchedule
    from optax.schedules import (
        inject_stateful_hyperparams as inject_stateful_hyperparams,
    )

    from adamx import constant_schedule as constant_schedule
    from adamx import cosine_decay_schedule as cosine_decay_schedule
    from adamx import cosine_onecycle_schedule as cosine_onecycle_schedule
    from adamx import exponential_decay as exponential_decay
    from adamx import join_schedules as join_schedules
    from adamx import linear_onecycle_schedule as linear_onecycle_schedule
    from adamx import linear_schedule as linear_schedule
    from adamx import piecewise_constant_schedule as piecewise_constant_schedule
    from adamx import piecewise_interpolate_schedule as piecewise_interpolate_schedule
    from adamx import polynomial_schedule as polynomial_schedule
    from adamx import sgdr_schedule as sgdr_schedule
    from adamx import warmup_constant_schedule as warmup_constant_schedule
    from adamx import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
    from adamx import (
        warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
    )
    from adamx.optax.combine import inject_hyperparams as inject_hyperparams
    from adamx.optax.layout import InjectHyperparamsState as InjectHyperparamsState
    from adamx.optax.pair import Schedule as Schedule
