"""Steps in proportion to the size of the parameters."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.norms import norm_of, root_mean_square
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class ParamBlock(Rule):
    """Base of the rules that multiply by a size of the parameter."""

    locality = "leaf"
    needs_params = True

    min_scale: Hyper

    def degree(self) -> int:
        return 1


class ParamBlockRms(ParamBlock):
    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        return g * jnp.maximum(root_mean_square(param), self.min_scale), slots


@transform
def scale_by_param_block_rms(min_scale: NonNegative = 1e-3) -> ParamBlockRms:
    """Multiply each leaf's update by the root mean square of its parameter.

    u = g · max(RMS(θ), s), with RMS(θ) = √(Σ |θ|² / n) over the leaf's n numbers

    Unlike a trust ratio, it does not divide the update by its norm.

    Args:
        min_scale: s ≥ 0, the smallest factor, so that parameters of zero can change.

    Reference:
        Shazeer & Stern, "Adafactor", 2018, arXiv:1804.04235, section 8.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_param_block_rms()
        >>> params = jnp.array([2.0, -2.0])
        >>> tx.update(jnp.array([1.0, 3.0]), tx.init(params), params)[0].tolist()
        [2.0, 6.0]
    """
    return ParamBlockRms(min_scale)


class ParamBlockNorm(ParamBlock):
    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        unit, rest = norm_of(param)
        return g * jnp.maximum(unit, self.min_scale / rest) * rest, slots


@transform
def scale_by_param_block_norm(min_scale: NonNegative = 1e-3) -> ParamBlockNorm:
    """Multiply each leaf's update by the norm of its parameter.

    u = g · max(‖θ‖, s), where ‖θ‖ is over all numbers of one leaf

    See `scale_by_param_block_rms` for the other arguments.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_param_block_norm(2.0)
        >>> params = {"a": jnp.array([3.0, 4.0]), "b": jnp.zeros(2)}
        >>> grads = {"a": jnp.ones(2), "b": jnp.ones(2)}
        >>> updates, _ = tx.update(grads, tx.init(params), params)
        >>> updates["a"].tolist(), updates["b"].tolist()
        ([5.0, 5.0], [2.0, 2.0])
    """
    return ParamBlockNorm(min_scale)
