"""Steps along a sphere, on which parameters keep their norm."""

import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Finite
from adamx.numerics.arithmetic import divisor
from adamx.numerics.norms import norm_of
from adamx.types import Array, Param, Rate, Shared, Slots, StepResult


class HoldNorm(Rule):
    locality = "leaf"
    needs_params = True

    learning_rate: Rate

    def degree(self) -> int:
        return 0

    def slots(self, param: Array) -> Slots:
        return {"norm": _norm(param)}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        rate, norm = self.learning_rate, slots["norm"]
        some = norm >= float(jnp.finfo(norm.dtype).tiny)
        unit = jnp.where(some, norm, 1)
        x, u = param / unit, _direction(g)
        # x + η·u = a·x + η·v with v orthogonal to x; its length is n. The step is not
        # computed as a difference of two points, nor with a/n − 1, because rounding
        # errors could be larger than the result. If u is parallel to x, the step is 0.
        short = 1 - _norm(x)
        square = (1 - short) ** 2
        along = _product(x, u) / jnp.where(some, square, 1)
        across = u - along * x
        a = 1 + rate * along
        less = short * (2 - short) * a * a - _square(rate * _norm(across))
        least = float(jnp.finfo(norm.dtype).eps) ** 2
        n = jnp.sqrt(jnp.maximum(a * a - less, least))
        ahead = a > 0
        held = jnp.where(ahead, less / jnp.where(ahead, n + a, 1), a - n) * x
        held = (held + rate * across) / n
        return jnp.where(some, norm * held, g), slots


def _axes(x: Array) -> tuple[int, ...]:
    return tuple(range(-min(x.ndim, 2), 0))


def _norm(x: Array) -> Array:
    unit, rest = norm_of(x, _axes(x))
    return unit * rest


def _product(x: Array, y: Array) -> Array:
    return jnp.sum((x * y.conj()).real, _axes(x), keepdims=True)


def _square(x: Array) -> Array:
    return x * x


def _direction(x: Array) -> Array:
    """Divide `x` by its norm; 0 stays 0."""
    unit, rest = norm_of(x, _axes(x))
    return x / divisor(unit)[0] / rest


@transform
def hold_norm(learning_rate: Finite) -> HoldNorm:
    """Turn updates of any length into steps that keep the norm of the parameters.

    w = θ + η·R·u/‖u‖,  u ↦ R·w/‖w‖ − θ, where R is ‖θ‖ at first

    u must point downhill, like the output of an optimizer. `hyperball` is an optimizer
    with this piece behind it. Matrices are the last two axes of a leaf, after batch
    axes, and each has its own norm. A matrix that is zero at first keeps its update.

    It must be last in a chain, because it assumes that its update is added to θ.

    Args:
        learning_rate: η, about the angle of a step in radians.

    Returns:
        A transform that keeps `norm`, R, with size 1 along both axes of a matrix.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.hold_norm(1.0)
        >>> params = jnp.array([[2.0, 0.0]])
        >>> u, _ = tx.update(jnp.array([[0.0, 9.0]]), tx.init(params), params)
        >>> [round(float(x), 4) for x in (params + u)[0]]
        [1.4142, 1.4142]
    """
    return HoldNorm(learning_rate)
