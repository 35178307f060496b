"""Backtracking line search: shorter steps until the loss falls enough."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from adamx.core.transform import transform
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.transforms.line_search.search import (
    WORST,
    Found,
    Last,
    LineSearch,
    Ray,
    Size,
    SizeOrInfinity,
)
from adamx.types import Array, Scalar


class Backtracking(LineSearch):
    max_steps: int
    slope_rtol: Scalar
    decrease_factor: Scalar
    increase_factor: Scalar
    max_learning_rate: Scalar
    atol: Scalar
    rtol: Scalar

    def search(self, ray: Ray, last: Last) -> Found:
        value, slope = ray.start.value, ray.start.slope

        def error(step: Array, there: Array) -> Array:
            enough = value + self.slope_rtol * step * slope
            above = there - enough - self.rtol * jnp.abs(value) - self.atol
            return jnp.where(jnp.isfinite(there), jnp.maximum(above, 0), WORST)

        def go_on(carry: tuple[Array, ...]) -> Array:
            _, _, steps, off = carry
            return (off > 0) & (steps < self.max_steps)

        def shorter(carry: tuple[Array, ...]) -> tuple[Array, ...]:
            step, _, steps, _ = carry
            step = jnp.where(steps > 0, step * self.decrease_factor, step)
            there = ray.value(step)
            return step, there, steps + 1, error(step, there)

        longest = jnp.asarray(self.max_learning_rate, value.dtype)
        grown = last.step * self.increase_factor
        # If the last search found no step, start at its last trial, because the
        # parameters may be unchanged, and an equal search would fail again.
        there = last.trial >= float(jnp.finfo(value.dtype).tiny)
        again = jnp.where(there, last.trial, longest)
        first = jnp.where(last.step > 0, grown, again)
        none = jnp.zeros((), jnp.int32)
        begin = jnp.minimum(first, longest), value, none, jnp.full_like(value, WORST)
        trial, there, steps, off = jax.lax.while_loop(go_on, shorter, begin)
        # If the trials ran out, take no step uphill.
        stay = (off > 0) & ~(there < value)
        step, there = jnp.where(stay, 0, trial), jnp.where(stay, value, there)
        if not self.keeps_grad:
            point = ray.start._replace(step=step, value=there)
        else:
            point = jax.lax.cond(stay, lambda s: ray.start, ray.point, step)
        return Found(point, trial, steps, off)


class BacktrackingWithGrad(Backtracking):
    keeps_grad: ClassVar[bool] = True


class BacktrackingAlone(Backtracking):
    keeps_grad: ClassVar[bool] = False


@transform
def scale_by_backtracking_linesearch(
    max_backtracking_steps: PositiveInteger,
    slope_rtol: Size = 1e-4,
    decrease_factor: Size = 0.8,
    increase_factor: SizeOrInfinity = 1.5,
    max_learning_rate: Size = 1.0,
    atol: Size = 0.0,
    rtol: Size = 0.0,
    store_grad: bool = False,
) -> Backtracking:
    """Shorten the updates until the loss falls enough for their slope.

    η ← min(a·η, η_max), then η ← d·η while
    L(θ + η·u) > L(θ) + c·η·⟨u, ∇L⟩ + rtol·|L(θ)| + atol

    It must be last in a chain. A loss that is not finite counts as too large. If no η
    satisfies the condition, the last η is used if the loss falls, and 0 otherwise; the
    next search then starts with the last η tried.

    Args:
        max_backtracking_steps: the number of η to try, an integer ≥ 1.
        slope_rtol: c ≥ 0.
        decrease_factor: d in (0, 1).
        increase_factor: a ≥ 1; ∞ to start each search with `max_learning_rate`.
        max_learning_rate: η_max > 0.
        atol: ≥ 0.
        rtol: ≥ 0.
        store_grad: whether to compute and keep the gradient at the end, for
            `value_and_grad_from_state`.

    Returns:
        A transform that keeps `learning_rate` (η), `last_trial` (the last η tried),
        `value`, `grad` if it is stored, `decrease_error` and `num_linesearch_steps`.
        Its update needs the parameters, `value`, `grad` (from `jax.grad`) and
        `value_fn`, a function of the parameters alone.

    Reference:
        Armijo, "Minimization of functions having Lipschitz continuous first partial
        derivatives", 1966.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> loss = lambda p: jnp.sum(p**2)
        >>> tx = adamx.chain(
        ...     adamx.sgd(2.0), adamx.scale_by_backtracking_linesearch(15)
        ... )
        >>> params = jnp.array([1.0, -2.0])
        >>> value, grad = jax.value_and_grad(loss)(params)
        >>> updates, state = tx.update(
        ...     grad, tx.init(params), params, value=value, grad=grad, value_fn=loss
        ... )
        >>> bool(loss(adamx.apply_updates(params, updates)) < value)
        True
    """
    name = "scale_by_backtracking_linesearch"
    factors = slope_rtol, decrease_factor, increase_factor, max_learning_rate
    kind = BacktrackingWithGrad if store_grad else BacktrackingAlone
    return kind(name, max_backtracking_steps, *factors, atol, rtol)
