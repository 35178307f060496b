"""Hyperparameters in the state, which can be read and changed during training."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp

from adamx.core.slips import is_no_tree, no_tree, uncalled
from adamx.core.transform import Transform, as_transform, is_builder, is_transform
from adamx.core.wrapper import Wrapper, wrap
from adamx.errors import TransformError, nearest
from adamx.execution.sharding import beside_old
from adamx.hyperparameters.call import Call, shown
from adamx.hyperparameters.hyper import Interval, Schedule, as_schedule, declared
from adamx.hyperparameters.keys import Keyed, key_of
from adamx.hyperparameters.unbound import bind_call
from adamx.hyperparameters.user_code import user_code
from adamx.hyperparameters.vocabulary import translated
from adamx.numerics.averages import next_count
from adamx.numerics.dtypes import compute_dtype, scalar_dtype
from adamx.tree.check import wrong_state
from adamx.tree.kinds import kind_of, shown_value
from adamx.tree.leaves import is_array
from adamx.tree.state import named
from adamx.types import Array, Params, State, StateT, Updates


class Rebuild(Keyed):
    """Build the transform from numbers; equal if all other arguments are equal."""

    def __init__(
        self,
        factory: Callable[..., Any],
        bound: inspect.BoundArguments,
        names: frozenset[str],
    ) -> None:
        self.factory, self.signature = factory, bound.signature
        # Without the numbers, so that calls that differ only in them share compiled
        # programs.
        found = bound.arguments.items()
        self.rest = {k: None if k in names else v for k, v in found}
        self.key = key_of((factory, names, self.rest))

    def __call__(self, **values: Any) -> Transform:
        """Build the transform; `values` has all the numbers."""
        arguments: Any = self.rest | values
        now = inspect.BoundArguments(self.signature, arguments)
        return as_transform(self.factory(*now.args, **now.kwargs))


class Injected(Wrapper):
    """Build `plan` in each step from the numbers in the state, and apply it."""

    build: Rebuild
    numbers: dict[str, Array]
    schedules: dict[str, Schedule]

    def begin(self, params: Params) -> dict[str, Any]:
        zero = jnp.zeros((), jnp.int32)
        # Copies, because a state may be donated, and `init` reads the numbers again.
        numbers = {k: jnp.copy(x) for k, x in self.numbers.items()}
        kept: dict[str, Any] = {"hyperparams": numbers} if numbers else {}
        if self.schedules:
            kept |= {"count": zero, "scheduled": self._scheduled(zero)}
        return kept

    def update_inner(
        self,
        updates: Updates,
        own_state: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        values = dict(own_state.get("hyperparams", {}))
        if values.keys() != self.numbers.keys():
            pair = (f"hyperparams {sorted(x)}" for x in (self.numbers, values))
            raise wrong_state(self.name, *pair)
        if self.schedules:
            own_state["scheduled"] = self._scheduled(own_state["count"])
            own_state["count"] = next_count(own_state["count"])
            values |= own_state["scheduled"]
        with user_code("inner_factory", self.name):
            plan = self.build(**values).plan
        updates, inner = plan.apply(updates, inner, params, extra)
        return updates, own_state, inner

    def _scheduled(self, count: Array) -> dict[str, Array]:
        return {name: value(count) for name, value in self.schedules.items()}


class InjectedCall(Call):
    """A call of the function that `inject_hyperparams` returns."""

    def __repr__(self) -> str:
        factory, _, args, kwargs = self.bound.args
        name = f"inject_hyperparams({_name_of(factory)})"
        return shown(name, _bound(factory, args, kwargs))


def inject_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = ()
) -> Callable[..., Transform]:
    """Keep the hyperparameters of a transform in its state, by name.

    They can be read from the state, and changed without another compilation:
    `set_hyperparams(state, learning_rate=…)`. Of a scheduled hyperparameter the state
    has the current value. Values are at least float32.

    The hyperparameters of a builder of adamx are the arguments that may be scheduled;
    those of any other function are the arguments whose value is a float, an array of
    shape () or a function.

    Args:
        inner_factory: a builder, such as `adamx.adam`, or any function that returns a
            transform of adamx or Optax.
        static_args: the names of arguments that stay constant.

    Returns:
        A function with the arguments of `inner_factory` that returns a transform. Its
        state is `hyperparams`, by name, `scheduled` and `count` if there are schedules,
        and `inner`, the state of the transform.

    Raises:
        TransformError: a name in `static_args` is not an argument of `inner_factory`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.inject_hyperparams(adamx.sgd)(learning_rate=0.5)
        >>> g = jnp.array(1.0)
        >>> state = tx.init(g)
        >>> state = adamx.set_hyperparams(state, learning_rate=0.25)
        >>> float(tx.update(g, state)[0])
        -0.25
    """
    name = _name_of(inner_factory)
    if not callable(inner_factory):
        raise TransformError(
            "inject_hyperparams: inner_factory must be a function that builds a "
            f"transform, not {kind_of(inner_factory).text}",
            expected="a builder, such as adamx.adam",
            got=shown_value(inner_factory),
            hint="call what it returns: inject_hyperparams({0})({2}".format(
                *repr(inner_factory).partition("(")
            )
            if is_transform(inner_factory)
            else None,
        )
    if not isinstance(static_args, Iterable):
        raise TransformError(
            "inject_hyperparams: static_args must be names of arguments, not "
            + kind_of(static_args).text,
            got=shown_value(static_args),
            hint=f"call what it returns: inject_hyperparams({name})({static_args!r})",
        )
    fixed = (static_args,) if isinstance(static_args, str) else tuple(static_args)
    known = inspect.signature(inner_factory).parameters
    for static in fixed:
        if static not in known:
            raise TransformError(
                f"inject_hyperparams: {static!r} in static_args is no argument",
                expected=f"one of {', '.join(known)}",
                got=repr(static),
                hint=nearest(static, known),
            )

    def build(*args: Any, **kwargs: Any) -> Transform:
        return _inject(inner_factory, fixed, args, kwargs)

    injected = f"inject_hyperparams({name})"
    build.__name__ = injected
    vars(build).update(uncalled(injected, f"{injected}(…)"))
    return build


def _name_of(factory: Callable[..., Any]) -> str:
    return getattr(factory, "__name__", repr(factory))


def _bound(
    factory: Callable[..., Any], args: Any, kwargs: Any
) -> inspect.BoundArguments:
    bound = bind_call(_name_of(factory), inspect.signature(factory), args, kwargs)
    bound.apply_defaults()
    return bound


def _inject(
    inner_factory: Callable[..., Any],
    static_args: tuple[str, ...],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Transform:
    bound = _bound(inner_factory, args, kwargs)
    found = {
        name: value
        for name, value in bound.arguments.items()
        if name not in static_args and _is_hyperparameter(inner_factory, name, value)
    }
    build = Rebuild(inner_factory, bound, frozenset(found))
    build(**found)  # raises for wrong arguments
    numbers = {k: _scalar(x) for k, x in found.items() if not callable(x)}
    schedules = {
        k: as_schedule(x, k, _name_of(inner_factory))
        for k, x in found.items()
        if callable(x)
    }
    first = {k: x(0) for k, x in schedules.items()}
    # Built from arrays, so that the values are not constants of the program.
    plan = build(**numbers, **first).plan
    wrapper = Injected("inject_hyperparams", plan, build, numbers, schedules)
    given = inner_factory, static_args, bound.args, bound.kwargs
    call = inspect.signature(_inject).bind(*given)
    return Transform.of(wrap(wrapper).plan.pieces, InjectedCall(_inject, call))


def set_hyperparams(state: StateT, **values: Any) -> StateT:
    """Return the state with other hyperparameters; no program is compiled again.

    Args:
        state: the state of a transform with `inject_hyperparams` anywhere in it.
        **values: by the names of the arguments of the builder, a number or an array of
            shape (); for a state from `jax.vmap`, one number for all members, or an
            array with one for each. If several pieces have an argument of this name, it
            is changed in all of them.

    Returns:
        A new state of the same shapes and dtypes.

    Raises:
        TransformError: there is no such hyperparameter, it follows a schedule, or the
            value is not a real number or has another shape.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.inject_hyperparams(adamx.adam)(0.1)
        >>> state = adamx.set_hyperparams(tx.init(jnp.ones(2)), b1=0.5)
        >>> float(state["inject_hyperparams"]["hyperparams"]["b1"])
        0.5
    """
    if is_no_tree(state):
        form = "state = adamx.set_hyperparams(state, learning_rate=…)"
        raise no_tree("set_hyperparams", "state", state, form)
    there, followed = (
        {name for part in named(state, kind) for name in part}
        for kind in ("hyperparams", "scheduled")
    )
    if not there and not followed:
        raise TransformError(
            "set_hyperparams: the state has no hyperparameters",
            expected="the state of a transform that inject_hyperparams built",
            got=shown_value(state),
            hint="tx = adamx.inject_hyperparams(adamx.adam)(learning_rate=…)",
        )
    for name, value in values.items():
        if name not in there:
            follows = name in followed
            raise TransformError(
                f"{name!r} follows a schedule"
                if follows
                else f"there is no hyperparameter {name!r} in the state",
                piece="set_hyperparams",
                expected=f"one of {sorted(there)}",
                got=repr(name),
                hint="build the transform with a number for it"
                if follows
                else translated(name, value, "", there) or nearest(name, there),
            )
    return _changed(state, values)


def _changed(state: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(state, dict):
        return state
    new = {key: _changed(value, values) for key, value in state.items()}
    own_state = new.get("hyperparams")
    if isinstance(own_state, dict):
        put = {
            k: _like(k, values[k], old) for k, old in own_state.items() if k in values
        }
        new["hyperparams"] = own_state | put
    return new


def _like(name: str, value: Any, old: Array) -> Array:
    """Return `value` in the shape, dtype and sharding of `old`."""
    shape, dtype = jnp.shape(value), jnp.result_type(value)
    real = any(jnp.issubdtype(dtype, kind) for kind in (jnp.integer, jnp.floating))
    if not real or shape not in ((), old.shape):
        several = f", or an array of shape {old.shape}" if old.shape else ""
        raise TransformError(
            f"{name!r} must be one number"
            + (", or one for each member" if several else ""),
            piece="set_hyperparams",
            expected=f"a number or an array of shape (){several}",
            got=f"shape {shape}" if real else f"an array of {dtype}",
        )
    # A copy, because several pieces may have a hyperparameter of this name.
    new = jnp.broadcast_to(jnp.array(value, old.dtype, copy=True), old.shape)
    return beside_old(new, old)


def _scalar(value: Any) -> Array:
    if is_array(value):
        return jnp.asarray(value, compute_dtype(value.dtype))
    return jnp.asarray(value, scalar_dtype())


def _is_hyperparameter(builder: Callable[..., Any], name: str, value: Any) -> bool:
    if is_builder(builder):
        numbers = declared(builder)[1]
        return isinstance(numbers.get(name), Interval) and value is not None
    if is_array(value):
        return value.shape == () and jnp.issubdtype(value.dtype, jnp.inexact)
    return callable(value) or isinstance(value, float)
