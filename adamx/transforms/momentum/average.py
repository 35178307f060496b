"""Averages of the parameters during training."""

from typing import Any

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import NonNegativeInteger
from adamx.hyperparameters.hyper import Decay
from adamx.numerics.averages import moving_average
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.state import read_out
from adamx.types import Array, Hyper, Param, ParamsT, Shared, Slots, State, StepResult


class AverageParams(Rule):
    counts = True
    needs_params = True

    decay: Hyper | None
    start_step: int

    def share(self, shared: Shared, dtype: Any) -> Array:
        """Return the share of the newest parameters in the average."""
        number = jnp.maximum(shared["count"] - self.start_step, 1)
        if self.decay is None:
            return 1 / number.astype(dtype)
        return jnp.where(number > 1, jnp.asarray(1 - self.decay, dtype), 1)

    def slots(self, param: Array) -> Slots:
        return {"average": param}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        average = slots["average"]
        share = self.share(shared, average.real.dtype)
        return g, {"average": average + share * (param - average + g)}


class AverageDebiased(AverageParams):
    """Weight parameters by (1−b)·bⁱ over the sum of these weights.

    The state keeps the sum, and the sum minus one. In float32 the first stops up to
    2⁻²⁵/(1−b) below 1; the second is inexact in early steps.
    """

    decay: Hyper

    def shared(self) -> Shared:
        return {"weight": jnp.array([0.0, -1.0], scalar_dtype())}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        first = shared["count"] <= self.start_step + 1
        before = jnp.where(first, self.shared()["weight"], shared["weight"])
        target = jnp.array([1.0, 0.0], before.dtype)
        return {**shared, "weight": moving_average(before, target, self.decay)}

    def share(self, shared: Shared, dtype: Any) -> Array:
        early, late = shared["weight"]
        total = jnp.where(late > -0.5, 1 + late, early)
        return (jnp.asarray(1 - self.decay, dtype) / total).astype(dtype)


@transform
def average_params(
    decay: Decay | None = None,
    start_step: NonNegativeInteger = 0,
    *,
    debias: bool = False,
) -> AverageParams:
    """Keep an average of the next parameters; emit the updates unchanged.

    a ← a + c·(θ + u − a),  c = 1 − b, or 1/t for the plain mean
    with `debias` in step t:  c = (1 − b) / (1 − bᵗ)

    It must be last in a chain, because it assumes that θ + u are the next parameters.
    Up to step `start_step` + 1 the average is θ + u itself. Read it with
    `averaged_params(state, params)`. `ema` averages the updates instead.

    Without `debias` the first θ + u has the weight bᵗ⁻¹: with b = 0.9999 it dominates
    the average in the first thousand steps. With `debias` the parameters of i steps ago
    have the weight (1 − b)·bⁱ, divided by the sum of the weights.

    Args:
        decay: b in [0, 1); None for the plain mean, Polyak–Ruppert averaging.
        start_step: the number of first steps to leave out, an integer ≥ 0.
        debias: whether to divide by the sum of the weights. The plain mean always does.

    Returns:
        A transform that keeps `average` and, with a decay and `debias`, `weight`, two
        numbers. It needs the parameters.

    Reference:
        Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging",
        1992. With or without a decay it is PyTorch's `AveragedModel`. The sum of the
        weights is that of Kingma & Ba, "Adam", 2015, arXiv:1412.6980, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.sgd(1.0), adamx.average_params())
        >>> params = jnp.array(0.0)
        >>> state = tx.init(params)
        >>> for _ in range(3):
        ...     updates, state = tx.update(-1.0, state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> float(params), float(adamx.averaged_params(state, params))
        (3.0, 2.0)
    """
    kind = AverageDebiased if debias and decay is not None else AverageParams
    return kind(decay, start_step)


def averaged_params(state: State, params: ParamsT) -> ParamsT:
    """Return the average in the state of `average_params`.

    Args:
        state: the state of a transform with `average_params` anywhere in it.
        params: the parameters that belong to that state.

    Returns:
        A tree like `params`, in its dtypes. Leaves without an average, such as frozen
        ones, are those of `params`.

    Raises:
        TransformError: there is no `average_params` in the state.

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
