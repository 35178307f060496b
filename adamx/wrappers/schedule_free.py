"""Schedule-free learning: gradients between the iterates and their average."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, lift, transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Decay, NonNegative
from adamx.numerics.averages import share_of_weights
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.state import read_out
from adamx.types import (
    Array,
    Hyper,
    Param,
    ParamsT,
    Rate,
    Shared,
    Slots,
    State,
    StepResult,
)


class ScheduleFree(Rule):
    """Move z by the updates, and the parameters y, between z and its average x."""

    counts = True
    needs_params = True

    learning_rate: Rate
    b1: Hyper
    weight_lr_power: Hyper
    r: Hyper

    def slots(self, param: Array) -> Slots:
        return {"z": param}

    def shared(self) -> Shared:
        names = "max_lr", "mean_weight", "share", "between"
        return {name: jnp.zeros((), scalar_dtype()) for name in names}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        count = shared["count"]
        t = count.astype(scalar_dtype())
        max_lr = jnp.maximum(shared["max_lr"], self.learning_rate)
        least = float(jnp.finfo(t.dtype).tiny)
        # Clipped, because a power of 0 may have no derivative.
        weight = jnp.maximum(max_lr, least) ** self.weight_lr_power * t**self.r
        weight = jnp.where(max_lr > 0, weight, 0)
        mean, share = share_of_weights(shared["mean_weight"], weight, count)
        between = jnp.asarray(self.b1, t.dtype)
        new = {"mean_weight": mean, "share": share, "between": between}
        return {"count": count, "max_lr": max_lr, **new}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        share, z = shared["share"], slots["z"] + g
        # u is computed from the new z alone, so that XLA can overwrite the old one.
        u = share * (z - param) + (1 - self.b1) * (1 - share) * g
        return u, {"z": z}


@transform
def schedule_free(
    base_optimizer: TransformLike,
    learning_rate: NonNegative,
    b1: Decay = 0.9,
    weight_lr_power: NonNegative = 2.0,
    *,
    r: NonNegative = 0.0,
) -> Transform:
    """Average the iterates instead of lowering the learning rate.

    z ← z + u,  x ← (1 − c)·x + c·z,  y = (1 − b1)·z + b1·x

    u is the update of `base_optimizer` for the gradient at y. Train y, and evaluate x:
    `schedule_free_eval_params(state, params)`. A step has the weight
    tʳ·(largest rate so far)ᵖ; c is this weight divided by the sum of all so far.

    `base_optimizer` should have no momentum. Its weight decay acts at y, as in the code
    of the paper. Optax 0.2.8 reads the schedule one step ahead of the base optimizer;
    here both have the same count.

    Args:
        base_optimizer: a whole optimizer, learning rate and sign included.
        learning_rate: its learning rate ≥ 0; with a warm-up, and without a decay.
        b1: the weight of the average x in y, in (0, 1).
        weight_lr_power: p ≥ 0, the power of the rate in the weight of a step.
        r: r ≥ 0, the power of t in the weight of a step.

    Returns:
        A transform that keeps the state of `base_optimizer` and `z`. It needs the
        parameters.

    Reference:
        Defazio et al., "The Road Less Scheduled", 2024, arXiv:2405.15682.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.schedule_free(adamx.sgd(1.0), 1.0, b1=0.5)
        >>> params = jnp.array(0.0)
        >>> state = tx.init(params)
        >>> for _ in range(2):
        ...     updates, state = tx.update(-1.0, state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> float(params), float(adamx.schedule_free_eval_params(state, params))
        (1.75, 1.5)
    """
    if isinstance(b1, float) and b1 == 0:
        raise TransformError(
            "schedule_free: b1 must be in (0, 1)",
            expected="a number above 0: at 0 the average could not be read out",
            got=b1,
        )
    rule = ScheduleFree(learning_rate, b1, weight_lr_power, r)
    return chain(base_optimizer, lift(rule, "schedule_free"))


def schedule_free_eval_params(state: State, params: ParamsT) -> ParamsT:
    """Return the average x, for evaluation, from the trained parameters y.

    x = (y − (1 − b1)·z) / b1

    Args:
        state: the state, after a step, of a transform with `schedule_free` anywhere in
            it.
        params: y, the parameters that belong to that state.

    Returns:
        A tree like `params`, in its dtypes. Leaves that `schedule_free` does not act
        on, such as frozen ones, are those of `params`.

    Raises:
        TransformError: there is no `schedule_free` in the state.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.schedule_free_sgd(1.0)
        >>> params = jnp.array(0.0)
        >>> updates, state = tx.update(-2.0, tx.init(params), params)
        >>> params = adamx.apply_updates(params, updates)
        >>> float(adamx.schedule_free_eval_params(state, params))
        2.0
    """

    def average(own_state: State, y: Array, z: Array) -> Array:
        # before the first step x, y and z are equal
        b1 = jnp.where(own_state["between"] > 0, own_state["between"], 1).astype(
            z.dtype
        )
        return (y - (1 - b1) * z) / b1

    return read_out(state, params, "schedule_free", "z", average)
