"""Zoom line search: a step size that satisfies Wolfe's conditions."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from adamx.core.transform import transform
from adamx.hyperparameters.arguments import OneOf, PositiveInteger
from adamx.transforms.line_search.search import (
    WORST,
    Found,
    Last,
    LineSearch,
    Point,
    Ray,
    Size,
    SizeOrInfinity,
)
from adamx.types import Array, Scalar

NEAR = 0.1
"""The smallest distance of a trial from the ends of an interval, as a share of it."""


class Search(NamedTuple):
    """An interval that contains a valid step size; `low` is the best one so far."""

    low: Point
    high: Point
    trial: Array
    bracketed: Array
    done: Array
    steps: Array


class Zoom(LineSearch):
    max_steps: int
    max_learning_rate: Scalar | None
    tol: Scalar
    increase_factor: Scalar
    slope_rtol: Scalar
    curv_rtol: Scalar
    approx_dec_rtol: Scalar | None
    stepsize_precision: Scalar
    keeps_step: bool

    def search(self, ray: Ray, last: Last) -> Found:
        start = ray.start
        longest = jnp.inf if self.max_learning_rate is None else self.max_learning_rate
        # If the last search found no step, start at its last trial, because the
        # parameters may be unchanged, and an equal search would fail again.
        there = last.trial >= float(jnp.finfo(start.value.dtype).tiny)
        again = jnp.where(there, last.trial, 1)
        first = jnp.where(last.step > 0, last.step if self.keeps_step else 1, again)
        none = jnp.zeros((), jnp.int32)
        no = jnp.array(False)
        anywhere = jnp.isinf(self.curv_rtol)  # where ∞ times a slope of 0 is NaN
        begin = Search(start, start, jnp.minimum(first, longest), no, no, none)

        def go_on(at: Search) -> Array:
            width = jnp.abs(at.high.step - at.low.step)
            least = self.stepsize_precision * jnp.maximum(at.high.step, at.low.step)
            narrow = at.bracketed & (width <= least)
            return ~at.done & ~narrow & (at.steps < self.max_steps)

        def body(at: Search) -> Search:
            new = ray.point(at.trial)
            falls = self._decrease_error(start, new) <= 0
            better = falls & (new.value < at.low.value)
            steep = self.curv_rtol * jnp.abs(start.slope)
            flat = (jnp.abs(new.slope) <= steep + self.tol) | anywhere
            done = falls & (flat | (~at.bracketed & (new.step >= longest)))
            # If the loss rises from `new` towards `high`, the minimum is between `new`
            # and the old `low`.
            turned = new.slope * (at.high.step - new.step) >= 0
            turned = jnp.where(at.bracketed, turned, new.slope >= 0)
            high = _choose(better, _choose(turned, at.low, at.high), new)
            low = _choose(better | done, new, at.low)
            bracketed = at.bracketed | ~better | turned
            wider = jnp.minimum(new.step * self.increase_factor, longest)
            trial = jnp.where(bracketed, _between(low, high), wider)
            return Search(low, high, trial, bracketed, done, at.steps + 1)

        end = jax.lax.while_loop(go_on, body, begin)
        error = jnp.where(end.low.step > 0, self._decrease_error(start, end.low), WORST)
        return Found(end.low, end.trial, end.steps, error)

    def _decrease_error(self, start: Point, new: Point) -> Array:
        """Return by how much Armijo's rule, or the rule of slopes, is violated."""
        enough = start.value + self.slope_rtol * new.step * start.slope
        error = new.value - enough
        if self.approx_dec_rtol is not None:
            # because near a minimum differences of losses are rounding errors
            slope = new.slope - (2 * self.slope_rtol - 1) * start.slope
            rise = new.value - start.value - self.approx_dec_rtol * jnp.abs(start.value)
            error = jnp.minimum(error, jnp.maximum(slope, rise))
        usable = jnp.isfinite(new.value) & jnp.isfinite(new.slope)
        return jnp.where(usable, jnp.maximum(error - self.tol, 0), WORST)


def _choose(which: Array, a: Point, b: Point) -> Point:
    return jax.tree.map(lambda x, y: jnp.where(which, x, y), a, b)


def _between(low: Point, high: Point) -> Array:
    """Return the minimum of the cubic through both points; the middle without one."""
    width = high.step - low.step
    by = jnp.where(width == 0, 1, width)
    secant = (high.value - low.value) / by
    d = low.slope + high.slope - 3 * secant
    square = d * d - low.slope * high.slope
    root = jnp.sqrt(jnp.maximum(square, 0)) * jnp.sign(by)
    below = high.slope - low.slope + 2 * root
    share = 1 - (high.slope + root - d) / jnp.where(below == 0, 1, below)
    fits = (square >= 0) & (below != 0) & (share >= NEAR) & (share <= 1 - NEAR)
    return low.step + width * jnp.where(fits, share, 0.5)


@transform
def scale_by_zoom_linesearch(
    max_linesearch_steps: PositiveInteger,
    max_learning_rate: Size | None = None,
    tol: Size = 0.0,
    increase_factor: Size = 2.0,
    slope_rtol: Size = 1e-4,
    curv_rtol: SizeOrInfinity = 0.9,
    approx_dec_rtol: Size | None = 1e-6,
    stepsize_precision: Size = 1e-5,
    initial_guess_strategy: Annotated[str, OneOf(("keep", "one"))] = "keep",
) -> Zoom:
    """Find a step size at which the loss is lower and its slope flatter.

    L(θ + η·u) ≤ L(θ) + c₁·η·⟨u, ∇L(θ)⟩        the loss falls enough
    |⟨u, ∇L(θ + η·u)⟩| ≤ c₂·|⟨u, ∇L(θ)⟩|        its slope is flatter there

    It must be last in a chain. η grows until an interval must contain a solution; then
    minima of cubics shrink the interval. A loss that is not finite counts as too large.
    If the trials run out, the best η so far is used, which may be 0; the next search
    then starts where this one ended. The second condition keeps the curvature of the
    pairs of L-BFGS positive.

    Args:
        max_linesearch_steps: the number of η to try, an integer ≥ 1.
        max_learning_rate: the largest η; None for no bound.
        tol: the tolerance of both conditions, ≥ 0.
        increase_factor: the factor of η before an interval is found, > 1.
        slope_rtol: c₁ in [0, c₂).
        curv_rtol: c₂ < 1, or ∞ to leave the second condition out.
        approx_dec_rtol: ε ≥ 0: a loss up to ε·|L(θ)| higher satisfies the first
            condition if its slope is at most (2·c₁ − 1) times that at θ. Near a minimum
            differences of losses are rounding errors. None turns this off.
        stepsize_precision: the smallest length of an interval, relative to η.
        initial_guess_strategy: "keep" to start with the last η, or "one".

    Returns:
        A transform that keeps `learning_rate` (η), `last_trial` (the η that would be
        tried next), `value` and `grad` at the end, `decrease_error` and
        `num_linesearch_steps`. Its update needs the parameters, `value`, `grad` (from
        `jax.grad`) and `value_fn`, a function of the parameters alone.

    Reference:
        Nocedal & Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6;
        Hager & Zhang, "A new conjugate gradient method with guaranteed descent and
        an efficient line search", 2005.

    Example:
        >>> import jax
        >>> import adamx
        >>> loss = lambda p: (p - 1.0) ** 2
        >>> tx = adamx.chain(adamx.sgd(0.01), adamx.scale_by_zoom_linesearch(15))
        >>> value, grad = jax.value_and_grad(loss)(3.0)
        >>> updates, state = tx.update(
        ...     grad, tx.init(3.0), 3.0, value=value, grad=grad, value_fn=loss
        ... )
        >>> round(float(updates), 6), float(adamx.find(state, "learning_rate"))
        (-0.32, 8.0)
    """
    name = "scale_by_zoom_linesearch"
    sizes = max_learning_rate, tol, increase_factor
    conditions = slope_rtol, curv_rtol, approx_dec_rtol, stepsize_precision
    keep = initial_guess_strategy == "keep"
    return Zoom(name, max_linesearch_steps, *sizes, *conditions, keep)
