"""Step sizes of DoG and DoWG: the distance so far over a norm of all gradients."""

from typing import ClassVar

import jax.numpy as jnp

from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import NonNegative, derived
from adamx.numerics.arithmetic import safe_sqrt
from adamx.numerics.averages import running_mean
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import Squares, root_of_squares, squares_of, total_norm
from adamx.types import Array, Hyper, Param, Scalar, Shared, Slots, StepResult


class OverGradients(Rule):
    """Multiply by r / n, with the largest distance r and a norm n of all gradients.

    n² is kept as a mean over t steps, because a sum would stop growing. It is divided
    by the square of the largest norm, because it could overflow.
    """

    locality = "tree"
    counts = True
    needs_params = True
    weighted: ClassVar[bool] = False
    """Whether gradients in n are weighted by r, and u has the factor r², not r."""

    eps: Hyper

    def slots(self, param: Array) -> Slots:
        return {"x0": param}

    def shared(self) -> Shared:
        names = "max_dist", "max_norm", "mean_sq"
        return {name: jnp.zeros((), scalar_dtype()) for name in names}

    def first(self, size: Array) -> Scalar:
        """Return the first distance, for parameters of norm `size`."""
        raise NotImplementedError

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> tuple[Squares, ...]:
        assert param is not None
        return squares_of(g), squares_of(param - slots["x0"]), squares_of(param)

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        measured = over_leaves(self.measure, shared)
        count = shared["count"]
        norm, away, size = (total_norm(*pair) for pair in measured)
        reached = jnp.where(count == 1, self.first(size), shared["max_dist"])
        reached = jnp.maximum(reached, away)
        norm = norm * reached if self.weighted else norm
        largest = jnp.maximum(shared["max_norm"], norm)
        unit = jnp.where(largest > 0, largest, 1)
        before = (shared["max_norm"] / unit) ** 2 * shared["mean_sq"]
        mean = running_mean(before, (norm / unit) ** 2, count)
        seen = {"max_dist": reached, "max_norm": largest, "mean_sq": mean}
        total = largest * safe_sqrt(mean * count.astype(mean.dtype))
        return {**shared, **seen, "norm": total}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        reached, norm = shared["max_dist"], self.below(shared["norm"])
        usable = norm >= float(jnp.finfo(norm.dtype).tiny)
        u = g / jnp.where(usable, norm, 1) * jnp.where(usable, reached, 0)
        return u * reached if self.weighted else u, slots

    def below(self, norm: Array) -> Array:
        """Return the norm of all gradients, with ε."""
        raise NotImplementedError


class Dog(OverGradients):
    kind: str
    init_value: Hyper

    def first(self, size: Array) -> Scalar:
        if self.kind == "learning_rate":
            return 0.0
        return self.init_value * (1 + size if self.kind == "heuristic" else 1.0)

    def below(self, norm: Array) -> Array:
        root = jnp.sqrt(jnp.asarray(self.eps, norm.dtype))
        return root_of_squares(1, norm, 1, root)

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        u, slots = super().step(g, slots, shared, param)
        if self.kind == "learning_rate":
            u = jnp.where(shared["count"] == 1, self.init_value * g, u)
        return u, slots


@transform
def scale_by_dog(
    init_step: tuple[str, float] = ("heuristic", 1e-6), eps: NonNegative = 1e-8
) -> Dog:
    """Scale by the distance from the start over the root of all squared gradients.

    r ← max(r, ‖θ − θ₀‖)
    u = g · r / √(Σ ‖g‖² + ε), with norms over all leaves

    This is the direction of `dog`.

    Args:
        init_step: a pair that sets the first step: ("distance", r₀), ("heuristic", c)
            for r₀ = c·(1 + ‖θ₀‖), or ("learning_rate", η₀) for a first step u = η₀·g.
        eps: ε ≥ 0.

    Returns:
        A transform that keeps `x0` (θ₀) and the scalar `max_dist` (r).

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_dog(("distance", 0.5), eps=0.0)
        >>> updates, state = tx.update(-8.0, tx.init(1.0), 1.0)
        >>> float(updates)
        -0.5
    """
    kinds = ("distance", "heuristic", "learning_rate")
    kind, value = init_step
    if kind not in kinds:
        raise TransformError(
            "scale_by_dog: init_step is of no known kind",
            expected=f"({' or '.join(map(repr, kinds))}, a number)",
            got=repr(init_step),
        )
    return Dog(eps, kind, value)


class Dowg(OverGradients):
    weighted = True

    init_dist: Hyper

    def first(self, size: Array) -> Scalar:
        return self.init_dist

    def below(self, norm: Array) -> Array:
        return norm + self.eps


@transform
def scale_by_dowg(
    init_estim_sq_dist: NonNegative | None = None, eps: NonNegative = 1e-4
) -> Dowg:
    """Scale by the squared distance from the start over weighted gradients.

    r ← max(r, ‖θ − θ₀‖)
    u = g · r² / (√(Σ r²·‖g‖²) + ε), with norms over all leaves

    This is the direction of `dowg`.

    Args:
        init_estim_sq_dist: the first r², ≥ 0; ε² by default, but ε in Optax.
        eps: ε ≥ 0; 0 in the paper, except for the first r.

    Returns:
        A transform that keeps `x0` (θ₀) and the scalar `max_dist` (r).

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_dowg(0.25, eps=0.0)
        >>> updates, state = tx.update(-8.0, tx.init(1.0), 1.0)
        >>> float(updates)
        -0.5
    """
    given = init_estim_sq_dist
    first = eps if given is None else derived(_root, given)
    return Dowg(eps, first)


def _root(squared: Scalar) -> Scalar:
    return squared**0.5
