"""Lookahead: slow parameters follow fast ones, which are reset to them."""

import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, lift, transform
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.hyperparameters.hyper import NonNegative
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class FollowSlowly(Rule):
    needs_params = True

    sync_period: int
    slow_step_size: Rate

    def slots(self, param: Array) -> Slots:
        return {"slow": param}

    def shared(self) -> Shared:
        return {"steps_since_sync": jnp.zeros((), jnp.int32)}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        # Counted modulo k, because a count of all steps would stop at the int32 limit.
        return {"steps_since_sync": shared["steps_since_sync"] % self.sync_period + 1}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        ahead = param - slots["slow"]
        part = self.slow_step_size
        meet = shared["steps_since_sync"] == self.sync_period
        slow = jnp.where(meet, slots["slow"] + part * (ahead + g), slots["slow"])
        return jnp.where(meet, part * g - (1 - part) * ahead, g), {"slow": slow}


@transform
def lookahead(
    fast_optimizer: TransformLike,
    sync_period: PositiveInteger,
    slow_step_size: NonNegative,
) -> Transform:
    """Move the parameters back after every k steps, part of the way to their start.

    each k-th step:  φ ← φ + α·(θ + u − φ),  θ ← φ;  otherwise  θ ← θ + u

    u is the update of `fast_optimizer`; φ are the slow parameters. The moments of
    `fast_optimizer` are not reset, as in the paper. Optax keeps φ in pairs of
    parameters; here φ is in the state.

    Args:
        fast_optimizer: a whole optimizer, learning rate and sign included.
        sync_period: k ≥ 1, an integer; 5 to 10 in the paper.
        slow_step_size: α in [0, 1]; 0.5 in the paper.

    Returns:
        A transform that keeps the state of `fast_optimizer`, `slow`, φ, and
        `steps_since_sync`. It needs the parameters.

    Reference:
        Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019,
        arXiv:1907.08610.

    Example:
        >>> import adamx
        >>> tx = adamx.lookahead(adamx.sgd(1.0), 2, 0.5)
        >>> params, state = 0.0, tx.init(0.0)
        >>> for _ in range(2):
        ...     updates, state = tx.update(-1.0, state, params)
        ...     params = adamx.apply_updates(params, updates)
        ...     print(float(params))
        1.0
        1.0
    """
    follow = FollowSlowly(sync_period, slow_step_size)
    return chain(fast_optimizer, lift(follow, "lookahead"))
