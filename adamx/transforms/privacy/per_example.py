"""Gradients of single examples: clipped one by one, summed, and hidden in noise."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from adamx.core.global_norm import GlobalNormRule
from adamx.core.rule import OverLeaves
from adamx.core.transform import transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import NonNegative
from adamx.numerics.dtypes import cast, compute_dtype
from adamx.numerics.norms import Squares, norm_of, scaled_norm, shrunk, squares_of
from adamx.numerics.random import KeyLike, normal, random_key
from adamx.tree.paths import describe, flatten, key_paths
from adamx.types import (
    Array,
    Hyper,
    Param,
    PyTree,
    Scalar,
    Shared,
    Slots,
    StepResult,
    UpdatesT,
)


class Aggregate(GlobalNormRule):
    needs_params = True
    batched = True

    l2_norm_clip: Hyper
    noise_multiplier: Hyper
    key: KeyLike

    def shared(self) -> Shared:
        return {"rng_key": random_key(self.key)}

    def measure(self, g: Array, slots: Slots, shared: Shared, param: Param) -> Squares:
        if not len(g):
            raise TransformError(
                "there is no example to take the mean of",
                piece="differentially_private_aggregate",
                expected="a first axis of at least one example",
                got=describe(g),
            )
        return jax.vmap(squares_of)(g)

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        kept, used = jax.random.split(shared["rng_key"])
        norms = self.global_norm(shared, over_leaves)
        factors = _factors(norms, self.l2_norm_clip)
        return {**shared, **factors, "rng_key": kept, "noise": used}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        total = _clipped_sum(g, shared)
        noise = normal(shared["noise"], total)
        # √2, because both parts of a complex number need the full deviation.
        each = math.sqrt(2) if jnp.iscomplexobj(g) else 1.0
        deviation = each * self.noise_multiplier * self.l2_norm_clip
        return (total + deviation * noise) / g.shape[0], slots


@transform
def differentially_private_aggregate(
    l2_norm_clip: NonNegative, noise_multiplier: NonNegative, key: KeyLike
) -> Aggregate:
    """Average the clipped gradients of the examples, with noise that hides each one.

    u = (Σᵢ gᵢ · min(1, C/‖gᵢ‖) + σ·C·ξ) / B,  ξ normal of mean 0 and variance 1

    B is the number of examples; norms are over all leaves of one example. It must be
    first in a chain: its updates have an axis of the examples before the axes of the
    parameters, as from `jax.vmap(jax.grad(loss), (None, 0))`. The pieces behind it get
    the mean.

    Adding or removing one example changes the sum by at most C, whatever its gradient
    is, and replacing one by at most 2·C. An example whose gradient is not finite counts
    as zero, but still as one of the B, because otherwise the result would reveal it.
    The privacy of the whole training depends on σ, B/N and the number of steps: compute
    it with a privacy accountant, which adamx does not have.

    Norms do not overflow, and sums are at least float32. `MultiSteps` around it is an
    error, because it would add up gradients before they are clipped. Inside `masked`,
    or one transform of a `partition`, the norm is that of the group alone, and each
    group needs its share of the privacy budget.

    Args:
        l2_norm_clip: C ≥ 0, the largest norm of the gradient of one example.
        noise_multiplier: σ ≥ 0, the noise in units of C.
        key: a random key, or an integer seed. Keep it secret.

    Returns:
        A transform that keeps `rng_key`, a random key. It needs the parameters, because
        their shapes are those of one example.

    Reference:
        Abadi et al., "Deep Learning with Differential Privacy", 2016,
        arXiv:1607.00133. The name is Optax's, of `optax.contrib`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.differentially_private_aggregate(1.0, 0.0, key=1)
        >>> params = jnp.zeros(2)
        >>> grads = jnp.array([[0.0, -4.0], [0.5, 0.0]])  # of two examples
        >>> tx.update(grads, tx.init(params), params)[0].tolist()
        [0.25, -0.5]
    """
    return Aggregate(l2_norm_clip, noise_multiplier, key)


def per_example_global_norm_clip(
    grads: UpdatesT, l2_norm_clip: Scalar
) -> tuple[UpdatesT, Array]:
    """Add up the gradients of the examples, each clipped to a norm.

    Σᵢ gᵢ · min(1, C/‖gᵢ‖), with the norm over all leaves of example i

    An example whose gradient is not finite adds nothing, and counts as clipped. This is
    the sum in `differentially_private_aggregate`, without the noise.

    Args:
        grads: a tree of arrays whose first axis is that of the examples.
        l2_norm_clip: C ≥ 0, a number or traced scalar; may be ∞.

    Returns:
        The sum, a tree like `grads` without the first axes, at least float32, and the
        number of clipped examples, an int32 of shape ().

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> grads = jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.5]])
        >>> total, clipped = adamx.per_example_global_norm_clip(grads, 2.5)
        >>> total.tolist(), int(clipped)
        ([1.5, 2.5], 1)
    """
    bound = _bound("per_example_global_norm_clip", "l2_norm_clip", l2_norm_clip)
    leaves, treedef = _examples("per_example_global_norm_clip", grads)
    present = [g for g in leaves if g is not None]
    if not present:
        return grads, jnp.zeros((), jnp.int32)
    factors = _factors(jax.vmap(scaled_norm)(present), bound)
    sums = [None if g is None else _clipped_sum(g, factors) for g in leaves]
    return treedef.unflatten(sums), _number(factors)


def per_example_layer_norm_clip(
    grads: UpdatesT, global_l2_norm_clip: Scalar, uniform: bool = True
) -> tuple[UpdatesT, PyTree]:
    """Add up the gradients of the examples, with each leaf of an example clipped.

    Σᵢ gᵢ · min(1, Cₖ/‖gᵢ‖), with the norm of the k-th leaf of example i;
    Cₖ = C/√K for K leaves, or C·√(dₖ/d) for dₖ of all d numbers

    The squares of the Cₖ add up to C², so that the gradient of one example has a norm
    of at most C. A leaf that is not finite adds nothing, and counts as clipped.

    See `per_example_global_norm_clip` for the other arguments.

    Args:
        global_l2_norm_clip: C ≥ 0, a number or traced scalar; may be ∞.
        uniform: whether all leaves have the same bound.

    Returns:
        The sum, as from `per_example_global_norm_clip`, and a tree of the number of
        clipped examples of each leaf, int32 of shape ().

    Reference:
        McMahan et al., "Learning Differentially Private Recurrent Language Models",
        2017, arXiv:1710.06963.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> grads = {"a": jnp.array([[4.0], [1.0]]), "b": jnp.ones((2, 3))}
        >>> total, clipped = adamx.per_example_layer_norm_clip(grads, 4.0, False)
        >>> total["a"].tolist(), total["b"].tolist(), int(clipped["a"])
        ([3.0], [2.0, 2.0, 2.0], 1)
    """
    name = "per_example_layer_norm_clip"
    bound = _bound(name, "global_l2_norm_clip", global_l2_norm_clip)
    leaves, treedef = _examples(name, grads)
    sizes = [math.prod(g.shape[1:]) for g in leaves if g is not None]
    sums, counts = [], []
    for g in leaves:
        if g is None:
            sums.append(None)
            counts.append(None)
            continue
        size = math.prod(g.shape[1:])
        share = 1 / len(sizes) if uniform else size / max(sum(sizes), 1)
        # 0.0 for an empty leaf, because ∞ · 0 would be NaN.
        norms = jax.vmap(norm_of)(g)
        factors = _factors(norms, bound * math.sqrt(share) if share else 0.0)
        sums.append(_clipped_sum(g, factors))
        counts.append(_number(factors))
    return treedef.unflatten(sums), treedef.unflatten(counts)


def _factors(norms: tuple[Array, Array], bound: Scalar) -> dict[str, Array]:
    """Return the divisor and factor of each example, and whether it is finite."""
    unit, rest = norms
    finite = jnp.isfinite(unit) & jnp.isfinite(rest)
    by, times = shrunk((unit, rest), bound)
    return {"by": jnp.where(finite, by, 1), "times": times, "finite": finite}


def _clipped_sum(g: Array, factors: dict[str, Any]) -> Array:
    """Return the sum over examples, in one expression that XLA can fuse."""

    def row(name: str) -> Array:
        x: Array = factors[name]
        return x.reshape(-1, *[1] * (g.ndim - 1))

    finite = row("finite")
    scaled = jnp.where(finite, g, 0) / row("by") * jnp.where(finite, row("times"), 0)
    return cast(jnp.sum(scaled, 0), g.dtype)


def _number(factors: dict[str, Array]) -> Array:
    kept = factors["finite"] & (factors["by"] == 1) & (factors["times"] == 1)
    return jnp.sum(~kept, dtype=jnp.int32)


def _examples(piece: str, grads: PyTree) -> tuple[list[Any], Any]:
    """Return the leaves in the compute dtype after a check of their first axes."""
    leaves, treedef = flatten(grads)
    arrays = [None if g is None else jnp.asarray(g) for g in leaves]
    present = [g for g in arrays if g is not None]
    first = next((g.shape[0] for g in present if g.ndim), None)
    for path, g in zip(key_paths(grads), arrays, strict=True):
        if g is not None and g.shape[:1] != (first,):
            raise TransformError(
                "leaves are not gradients of the same examples",
                where=path,
                piece=piece,
                expected=f"a first axis of {first or 'all'} examples",
                got=describe(g),
                hint="give a gradient for each example: jax.vmap",
            )
    wide = [None if g is None else cast(g, compute_dtype(g.dtype)) for g in arrays]
    return wide, treedef


def _bound(piece: str, name: str, value: Scalar) -> Scalar:
    if not isinstance(value, Tracer) and not value >= 0:
        raise TransformError(
            f"{piece}: {name} must be in [0, ∞]",
            expected="a number that is not negative",
            got=repr(value),
        )
    return value
