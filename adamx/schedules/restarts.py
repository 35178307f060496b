"""Cosine decays one after the other: warm restarts."""

import itertools

from adamx.errors import TransformError
from adamx.hyperparameters.hyper import schedule
from adamx.schedules.arguments import Calls
from adamx.schedules.curves import Curve, joined
from adamx.schedules.warmup import warmup_cosine_decay_schedule
from adamx.types import Array, Scalar


@schedule
def sgdr_schedule(cosine_kwargs: Calls) -> Curve:
    """Begin again at the end of each cosine decay.

    value(t) = cᵢ(t − D₁ − … − Dᵢ₋₁) in cycle i, of Dᵢ = `decay_steps` steps

    Args:
        cosine_kwargs: for each cycle the arguments of `warmup_cosine_decay_schedule`,
            a dict.

    Reference:
        Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
        2017, arXiv:1608.03983; Optax's `sgdr_schedule`; PyTorch's
        `CosineAnnealingWarmRestarts` and Keras's `CosineDecayRestarts` have no end.

    Example:
        >>> from adamx.schedules import sgdr_schedule
        >>> cycle = dict(init_value=1.0, peak_value=1.0, warmup_steps=0, decay_steps=4)
        >>> sgdr_schedule([cycle, cycle])([0, 2, 4]).round(6).tolist()
        [1.0, 0.5, 1.0]
    """
    cycles = []
    for i, kwargs in enumerate(cosine_kwargs):
        try:
            cycles.append(warmup_cosine_decay_schedule(**kwargs))
        except (TypeError, TransformError) as error:
            raise TransformError(
                f"sgdr_schedule: cosine_kwargs[{i}] is no cycle",
                expected="the arguments of warmup_cosine_decay_schedule",
                got=f"{kwargs}: {error}",
            ) from error
    ends = [*itertools.accumulate(int(kw["decay_steps"]) for kw in cosine_kwargs)]

    def value(count: Array) -> Scalar:
        return joined(count, cycles, ends[:-1])

    return value
