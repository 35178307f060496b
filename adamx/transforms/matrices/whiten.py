"""Whitening by learned Kronecker factors, so that updates are uncorrelated."""

import functools
import math
from typing import Annotated, Literal, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.execution.sharding import match_sharding
from adamx.hyperparameters.arguments import NonNegativeInteger, OneOf
from adamx.hyperparameters.hyper import Interval, NonNegative
from adamx.linalg.whitening import Factors, refreshed, whitened
from adamx.numerics.arithmetic import divisor, largest_invertible
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import largest_of, scaled_root_mean_square
from adamx.numerics.random import KeyLike, normal, random_key
from adamx.schedules.arguments import Positive
from adamx.schedules.exponential import exponential_decay
from adamx.types import (
    Array,
    Hyper,
    Param,
    Scalar,
    ScalarOrSchedule,
    Shared,
    Slots,
    StepResult,
)

MemorySaving: TypeAlias = Annotated[
    Literal["one_diag", "smart_one_diag", "all_diag"],
    OneOf(("one_diag", "smart_one_diag", "all_diag")),
]
Probability: TypeAlias = Annotated[ScalarOrSchedule, Interval(0.0, 1.0, closed=True)]


class Whiten(Rule):
    # because the random numbers depend on the index in the leaf
    locality = "leaf"
    refreshes = True

    precond_lr: Hyper
    update_probability: Hyper
    max_size_triangular: int
    min_ndim_triangular: int
    memory_save_mode: str | None
    precond_init_scale: Scalar
    max_update_rms: Hyper | None
    matrices: bool
    key: KeyLike

    def shared(self) -> Shared:
        return {"rng_key": random_key(self.key), "waited": jnp.zeros((), jnp.int32)}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        kept, used = jax.random.split(shared["rng_key"])
        waited = next_count(shared["waited"])
        probability = jnp.asarray(self.update_probability, scalar_dtype())
        due = waited.astype(scalar_dtype()) * probability >= 1
        still = jnp.where(due, 0, waited)
        return {**shared, "rng_key": kept, "waited": still, "noise": used, "due": due}

    def slots(self, param: Array) -> Slots:
        front, shape = self._split(param.shape)
        scale = self.precond_init_scale ** (1 / len(shape))

        def first(size: int, diagonal: bool) -> Array:
            dtype = param.real.dtype if diagonal else param.dtype
            one = jnp.ones(size, dtype) if diagonal else jnp.eye(size, dtype=dtype)
            return jnp.broadcast_to(scale * one, (*front, *one.shape)).astype(dtype)

        return {"q": tuple(map(first, shape, self._diagonal(shape)))}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if not g.size:
            return g, slots
        front, shape = self._split(g.shape)
        x = g.reshape(*front, *shape)
        once = functools.partial(_refreshed, self.precond_lr)
        emit = functools.partial(_emitted, self.max_update_rms)
        for _ in front:
            once, emit = jax.vmap(once), jax.vmap(emit)

        def refresh(q: Factors) -> Factors:
            return once(q, x, normal(shared["noise"], x))

        q = jax.lax.cond(shared["due"], refresh, lambda q: q, slots["q"])
        return match_sharding(emit(q, x).reshape(g.shape), g), {"q": q}

    def _split(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return the lengths of the batch axes, and of the axes that have factors."""
        at = max(len(shape) - 2, 0) if self.matrices else 0
        return shape[:at], shape[at:] or (1,)

    def _diagonal(self, shape: tuple[int, ...]) -> list[bool]:
        """Return for each axis whether its factor is diagonal."""
        order = sum(size != 1 for size in shape)
        few = order < self.min_ndim_triangular or self.memory_save_mode == "all_diag"
        found = [few or not 1 < size <= self.max_size_triangular for size in shape]
        largest = max(range(len(shape)), key=lambda i: (shape[i], i))
        alone = len(shape) > 1 and shape.count(shape[largest]) == 1
        if self.memory_save_mode == "one_diag" or (
            self.memory_save_mode == "smart_one_diag" and alone
        ):
            found[largest] = True
        return found


def _size(g: Array) -> tuple[Array, Array]:
    """Return the unit to divide `g` by, and whether `g` is nonzero and finite."""
    largest = jax.lax.stop_gradient(largest_of(g))
    known = largest >= float(jnp.finfo(largest.dtype).tiny)
    # because XLA may multiply by the inverse, which is 0 above this bound
    bound = largest_invertible(largest.dtype)
    shown = jnp.minimum(largest, bound)
    unit = jnp.where(known | jnp.isnan(largest), shown, 1)
    return unit, known & jnp.isfinite(largest)


def _refreshed(rate: Scalar, q: Factors, g: Array, v: Array) -> Factors:
    """Return the factors after a step; a zero gradient leaves them unchanged."""
    unit, some = _size(g)
    new = refreshed(q, jnp.where(some, g / unit, 0), unit, v, rate)
    return tuple(jnp.where(some, n, o) for n, o in zip(new, q, strict=True))


def _emitted(bound: Scalar | None, q: Factors, g: Array) -> Array:
    """Return P·g, clipped to `bound` without overflow."""
    unit, _ = _size(g)
    size, u = whitened(q, g / unit)
    size = unit * size
    if bound is None:
        return u * size
    unit, rest = scaled_root_mean_square(u)
    by, _ = divisor(unit)
    return u / by * jnp.minimum(size * by, bound / rest)


def annealed_probability() -> ScalarOrSchedule:
    """Return a schedule: 1 for 500 steps, then divided by e per 1,000, to 0.03."""
    return exponential_decay(1.0, 1000, 1 / math.e, 500, end_value=0.03)


@transform
def whiten(
    precond_lr: NonNegative = 0.1,
    preconditioner_update_probability: Probability | None = None,
    *,
    max_size_triangular: NonNegativeInteger = 8192,
    min_ndim_triangular: NonNegativeInteger = 2,
    memory_save_mode: MemorySaving | None = None,
    precond_init_scale: Positive = 1.0,
    max_update_rms: NonNegative | None = 1.1,
    matrices: bool = False,
    key: KeyLike = 0,
) -> Whiten:
    """Multiply by a preconditioner that makes the covariance of updates the identity.

    u = P·g · min(1, c / rms(P·g)),  P = QᴴQ,  Q = Q₁ ⊗ Q₂ ⊗ …, a factor for each axis
    in refresh steps, with a = Q·g, b = Q⁻ᴴ·v and standard normal numbers v:
        Qᵢ ← Qᵢ − ρ · triu(aᵢaᵢᴴ − bᵢbᵢᴴ) / ‖aᵢaᵢᴴ + bᵢbᵢᴴ‖ · Qᵢ

    aᵢ is a as a matrix with axis i as its rows. Q is stationary when E[aaᴴ] = E[bbᴴ] =
    Q⁻ᴴQ⁻¹; then P = E[ggᴴ]^(−1/2), if that is a Kronecker product. Factors are upper
    triangular or diagonal. Nothing is inverted; one triangular system is solved for
    each axis. The norm is estimated from below. Because it depends on the same a and b,
    the covariance of leaves of few numbers stays below the identity: the update of a
    single number is 0.6.

    A refresh step follows when 1/p steps have passed since the last. A gradient that is
    zero everywhere, or not finite, leaves Q unchanged.

    Args:
        precond_lr: ρ ≥ 0.
        preconditioner_update_probability: p in [0, 1], the share of refresh steps; by
            default 1 for 500 steps, and then falling to 0.03 at step 4,000.
        max_size_triangular: factors of longer axes are diagonal.
        min_ndim_triangular: factors of arrays of fewer axes are diagonal; axes of
            length 1 do not count.
        memory_save_mode: "all_diag" for diagonal factors alone, "one_diag" for one of
            the longest axis, "smart_one_diag" for one if an axis is longer than all
            others.
        precond_init_scale: the first Q is this number, > 0, times the identity.
        max_update_rms: c ≥ 0, a bound of the root mean square of a leaf; or None.
        matrices: whether only the last two axes have factors, and others are batch
            axes; otherwise each axis has a factor.
        key: a random key, or an integer seed.

    Returns:
        The transform; its state is `q`, a tree of factors for each axis, `"0"`, `"1"`,
        …, at least float32, `waited`, int32, `rng_key`, a random key, and `count`.

    Reference:
        Li, "Preconditioned Stochastic Gradient Descent", 2015, arXiv:1512.04202; Li,
        "Black Box Lie Group Preconditioners for SGD", 2022, arXiv:2211.04422; Li,
        "Stochastic Hessian Fittings with Lie Groups", 2024, arXiv:2402.11858.

    Example:
        >>> import jax.numpy as jnp
        >>> from adamx.transforms.matrices.whiten import whiten
        >>> tx, g = whiten(lambda count: 1 / (5 + count)), jnp.array(100.0)
        >>> state = tx.init(g)
        >>> for _ in range(500):
        ...     updates, state = tx.update(g, state)
        >>> 0.5 < float(updates) < 0.7
        True
    """
    probability = preconditioner_update_probability
    if probability is None:
        probability = annealed_probability()
    sizes = max_size_triangular, min_ndim_triangular, memory_save_mode
    scales = precond_init_scale, max_update_rms
    return Whiten(precond_lr, probability, *sizes, *scales, matrices, key)
