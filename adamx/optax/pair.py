"""Optax's pair of functions, and the names of its types."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.transform import Transform
from adamx.types import Array, PyTree, Scalar

OptState: TypeAlias = PyTree
Schedule: TypeAlias = Callable[[Any], Any]
ScalarOrSchedule: TypeAlias = Scalar | Schedule
MaskOrFn: TypeAlias = PyTree
TransformInitFn: TypeAlias = Callable[[PyTree], OptState]
TransformUpdateFn: TypeAlias = Callable[..., tuple[PyTree, OptState]]
TransformUpdateExtraArgsFn: TypeAlias = TransformUpdateFn
ConditionFn: TypeAlias = Callable[..., Any]
ShouldSkipUpdateFunction: TypeAlias = Callable[..., tuple[Any, PyTree]]


class EmptyState(NamedTuple):
    """The state of a transform that keeps nothing."""


def init_empty_state(params: PyTree) -> EmptyState:
    """Return the state of a transform that keeps nothing."""
    return EmptyState()


if TYPE_CHECKING:
    GradientTransformation = Transform
    GradientTransformationExtraArgs = Transform
else:

    class _AnyPair(type):
        """Checks by `isinstance` accept adamx's transforms and Optax's pairs."""

        def __instancecheck__(cls, x: object) -> bool:
            theirs = getattr(sys.modules.get("optax"), cls.__name__, ())
            return super().__instancecheck__(x) or isinstance(x, (Transform, theirs))

    class _Pair(NamedTuple):
        init: TransformInitFn
        update: TransformUpdateFn

    class GradientTransformation(_Pair, metaclass=_AnyPair):
        """A pair of init and update that a user wrote; its state is not changed."""

    class GradientTransformationExtraArgs(GradientTransformation):
        """A pair whose update takes any extra arguments."""

        @property
        def __class__(self) -> type:
            """Return a class that Optax's own functions accept too."""
            theirs = sys.modules.get("optax")
            return getattr(theirs, "GradientTransformationExtraArgs", type(self))


def safe_increment(count: Any) -> Array:
    """Return count + 1; the largest number of the dtype stays as it is."""
    count = jnp.asarray(count)
    if not any(jnp.issubdtype(count.dtype, d) for d in (jnp.integer, jnp.floating)):
        raise ValueError(f"a count must be a real number, got one of {count.dtype}")
    kind = jnp.iinfo if jnp.issubdtype(count.dtype, jnp.integer) else jnp.finfo
    largest = jnp.array(kind(count.dtype).max, count.dtype)
    return jnp.where(count < largest, count + jnp.ones_like(count), largest)


safe_int32_increment = safe_increment


def with_extra_args_support(
    tx: GradientTransformation,
) -> GradientTransformationExtraArgs:
    """Return `tx` with an update that takes any extra arguments."""
    if isinstance(tx, GradientTransformationExtraArgs):
        return tx
    init, given = tx

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        return given(updates, state, params)

    return GradientTransformationExtraArgs(init, update)


def stateless(
    f: Callable[[PyTree, PyTree | None], PyTree],
) -> GradientTransformation:
    """Make a transform of a function of updates and parameters."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        return f(updates, params), state

    return GradientTransformation(init_empty_state, update)


def stateless_with_tree_map(
    f: Callable[[Any, Any], Any],
) -> GradientTransformation:
    """Make a transform of a function of one update and its parameter."""

    def each(updates: Any, params: Any) -> Any:
        if params is None:
            return jax.tree.map(lambda g: f(g, None), updates)
        return jax.tree.map(f, updates, params)

    return stateless(each)
