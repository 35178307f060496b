"""Warm-up, plateau and decay: the decay can begin at any time."""

from typing import Annotated, Literal

import jax.numpy as jnp

from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import AnyNumber, Steps, StepsOrNone
from adamx.schedules.curves import (
    Curve,
    between,
    done,
    half_cosine,
    left,
    since,
    warmed_up_to,
)
from adamx.types import Array, Scalar

DecayType = Annotated[
    Literal["linear", "cosine", "1-sqrt"], OneOf(("linear", "cosine", "1-sqrt"))
]


@schedule
def warmup_stable_decay_schedule(
    init_value: AnyNumber,
    peak_value: AnyNumber,
    warmup_steps: StepsOrNone,
    stable_steps: StepsOrNone,
    decay_steps: Steps,
    end_value: AnyNumber = 0.0,
    decay_type: DecayType = "linear",
) -> Curve:
    """Warm up, stay, and decay at the end: WSD, the trapezoid.

    value(t) = E + (P − E)·f(x), x = (t − W − S)/D clipped to [0, 1], after the warm-up

    f(x) = 1 − x ("linear"), ½·(1 + cos πx) ("cosine") or 1 − √x ("1-sqrt")

    See `warmup_constant_schedule` for the other arguments.

    Args:
        stable_steps: S ≥ 0, an integer.
        decay_steps: D ≥ 1, an integer; the decay alone.
        end_value: E, the value at the end.
        decay_type: "linear", "cosine" or "1-sqrt", the shape of the decay.

    Reference:
        Hu et al., "MiniCPM", 2024, arXiv:2404.06395; Hägele et al., "Scaling Laws and
        Compute-Optimal Training Beyond Fixed Training Durations", 2024,
        arXiv:2405.18392, of which 1 − √x is. Optax has none.

    Example:
        >>> from adamx.schedules import warmup_stable_decay_schedule
        >>> wsd = warmup_stable_decay_schedule(0.0, 1.0, 2, 3, 4, decay_type="1-sqrt")
        >>> wsd([0, 1, 2, 5, 6, 9]).tolist()
        [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """

    def falling(count: Array) -> Scalar:
        t = since(count, stable_steps)
        x, rest = done(t, decay_steps), left(t, decay_steps)
        if decay_type == "cosine":
            rest = half_cosine(rest)
        elif decay_type == "1-sqrt":
            # not 1 − √x, which cancels near the end
            rest = rest / (1 + jnp.sqrt(x))
        return between(peak_value, end_value, rest)

    return warmed_up_to(init_value, peak_value, warmup_steps, falling)
