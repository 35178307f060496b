"""Averages of the parameters themselves, beside the training of them."""

import jax.numpy as jnp

from adamx.core.arguments import NonNegativeInteger
from adamx.core.hyper import Decay
from adamx.core.rule import Rule
from adamx.core.state import read_out
from adamx.core.transform import transform
from adamx.core.types import Array, Hyper, Params, Shared, Slots, State


class AverageParams(Rule):
    counts = True
    needs_params = True

    decay: Hyper | None
    start_step: int

    def slots(self, param: Array) -> Slots:
        return {"average": param}

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        average = slots["average"]
        number = jnp.maximum(shared["count"] - self.start_step, 1)
        share = 1 / number.astype(average.real.dtype)
        if self.decay is not None:
            share = jnp.where(number > 1, 1 - self.decay, 1)
        return g, {"average": average + share * (param - average + g)}


@transform
def average_params(
    decay: Decay | None = None, start_step: NonNegativeInteger = 0
) -> AverageParams:
    """Pass the updates on, and keep an average of where they lead.

    a ← a + c·(θ + u − a),  c = 1 − b, or 1/t for the plain mean of all

    Stands last in a chain, since it believes that θ + u is where training goes. Up to
    step `start_step` + 1 the average is θ + u itself. `averaged_params(state, params)`
    reads it out. Not `ema`, which averages the updates.

    Args:
        decay: b in [0, 1), a number, traced scalar or schedule; None for the plain
            mean, Polyak–Ruppert averaging.
        start_step: how many steps are left out, an integer ≥ 0.

    Returns:
        The transform; its state is `average`, like the parameters, at least float32,
        and the `count` of steps. It needs the parameters.

    Raises:
        TransformError: `decay` is outside [0, 1), or `start_step` is no such integer.

    Reference:
        Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging",
        1992. With or without a decay it is PyTorch's `AveragedModel`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.sgd(1.0), adamx.average_params())
        >>> params = jnp.array(0.0)
        >>> state = tx.init(params)
        >>> for _ in range(3):
        ...     updates, state = tx.update(jnp.array(-1.0), state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> float(params), float(adamx.averaged_params(state, params))
        (3.0, 2.0)
    """
    return AverageParams(decay, start_step)


def averaged_params(state: State, params: Params) -> Params:
    """The average that `average_params` keeps.

    Args:
        state: of a transform with `average_params` somewhere in it.
        params: the parameters that belong to that state.

    Returns:
        A tree like `params`, in its dtypes; leaves without an average, frozen ones
        say, are those of `params`.

    Raises:
        TransformError: there is no `average_params` in the state.

    Reference:
        adamx's own.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.asgd(0.1)
        >>> params = {"w": jnp.array(1.0)}
        >>> adamx.averaged_params(tx.init(params), params)
        {'w': Array(1., dtype=float32)}
    """

    def average(mine: State, param: Array, kept: Array) -> Array:
        return kept

    return read_out(state, params, "average_params", "average", average)
