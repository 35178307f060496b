"""The pair (init, update), and the decorator of its builders, which records calls."""

import functools
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, ParamSpec, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.foreign import foreign
from adamx.core.freeze import no_update
from adamx.core.optax_pair import with_optax_pair
from adamx.core.rule import Rule
from adamx.core.slips import (
    UPDATE,
    FixedAttributes,
    NotATransform,
    Slips,
    is_no_tree,
    no_tree,
    uncalled,
)
from adamx.core.tree_transform import EVERY, TreeTransform
from adamx.errors import TransformError
from adamx.execution.plan import Piece, Plan
from adamx.execution.programs import Programs
from adamx.hyperparameters.call import Call, EqualByCall, NoCall
from adamx.hyperparameters.hyper import bind, shown_signature
from adamx.numerics.dtypes import cast_saturating
from adamx.tree.check import (
    expand_absent,
    flatten_like,
    optimizable,
    path_of,
    wrong_state,
)
from adamx.tree.kinds import call_of, reports_absence
from adamx.tree.paths import first_difference, flatten, structure
from adamx.types import Params, State, StateT, Updates, UpdatesT

P = ParamSpec("P")


class Transform(EqualByCall, FixedAttributes):
    """The pair of `init` and `update`; it unpacks like a tuple.

        init(params) -> state
        update(updates, state, params=None, **extra) -> (updates, state)

    `update` takes gradients of any float dtype. It returns updates in the dtypes of the
    parameters, for `apply_updates(params, updates)` to add. Called eagerly, `update` is
    compiled as a whole; inside a jit it is traced like any function.

    Transforms made by equal calls are equal and share their compiled code. A transform
    can be a static argument of `jax.jit`.

    If Optax is loaded, `isinstance(tx, optax.GradientTransformationExtraArgs)` is true,
    so that Optax's wrappers pass extra arguments on.

    Args:
        init: from the parameters to the state.
        update: from updates, state and parameters to updates and state.

    Raises:
        TransformError: `init` or `update` is not a function.

    Reference:
        The pair is as in jax.example_libraries.optimizers (2018) and Optax.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> init, update = adamx.sgd(0.5)
        >>> params = {"w": jnp.array(1.0)}
        >>> updates, state = update({"w": jnp.array(2.0)}, init(params), params)
        >>> float(updates["w"])
        -1.0
    """

    _fields = ("init", "update")

    def __init__(self, init: Callable[..., Any], update: Callable[..., Any]) -> None:
        own = _unpacked_from(init, update)
        if own is None:
            self._set((foreign(init, update),), NoCall(init, update))
        else:
            self._set(own.plan.pieces, own.call)  # pyright: ignore[reportArgumentType]

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the class for `isinstance`; `type(tx)` does not use it."""
        return with_optax_pair(type(self))

    @classmethod
    def of(cls, pieces: tuple[Piece, ...], call: Call | NoCall) -> "Transform":
        """Return the transform of these pieces in series, made by this call."""
        transform = cls.__new__(cls)
        transform._set(pieces, call)
        return transform

    def _set(self, pieces: tuple[Piece, ...], call: Call | NoCall) -> None:
        self.call = call
        self.plan = Plan.of(pieces)
        self._programs = Programs(_update, self.plan)

    def parts(self) -> tuple[Any, ...]:
        """Return the pair that the transform was made from."""
        known = isinstance(self.call, NoCall) and self.call.parts
        return known or super().parts()

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update

    # These methods exist because Optax's pair is a named tuple.

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: Any) -> Any:
        return (*self,)[index]

    def _asdict(self) -> dict[str, Callable[..., Any]]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **functions: Callable[..., Any]) -> "Transform":
        return Transform(**(self._asdict() | functions))

    @reports_absence
    def init(self, params: Params) -> dict[str, Any]:
        """Return the state before the first step: nested dicts, named by piece.

        Args:
            params: any pytree of float or complex arrays, concrete, traced or
                `jax.ShapeDtypeStruct`; None marks an absent parameter.

        Returns:
            `{piece: {slot: tree like params}}`, with the sharding of each parameter for
            its slots.

        Raises:
            TransformError: a leaf is not a float or complex array; the error has its
                key path.
        """
        try:
            return self.plan.init(params)
        except (TransformError, TypeError, ValueError):
            if not is_no_tree(params):
                raise
            raise no_tree("init", "params", params, "call tx.init(params)") from None

    @reports_absence
    def update(
        self,
        updates: UpdatesT,
        state: StateT,
        params: Params | None = None,
        **extra: Any,
    ) -> tuple[UpdatesT, StateT]:
        """Return the updates to add to the parameters, and the next state.

        Args:
            updates: the gradients, a tree like the parameters. None for a parameter or
                a subtree returns None and leaves its state unchanged.
            state: the state that `init` or the last `update` returned. A transform
                without state also takes and returns None, `()` or Optax's `EmptyState`.
            params: the parameters; required if a piece reads them.
            **extra: arguments that pieces read, such as `value=loss`; arguments that no
                piece reads are ignored.

        Returns:
            The updates, in the dtypes of `params` (or of `updates` without them), and
            the next state, in the structure, shapes and dtypes of `state`.

        Raises:
            TransformError: updates, state and params do not fit together, or an
                argument is missing; the error has key path and piece.
        """
        if isinstance(state, dict):
            return self._step(updates, state, params, extra)
        if state is None or (isinstance(state, tuple) and not state):
            try:
                return self._step(updates, {}, params, extra)[0], state
            except TransformError:
                like = updates if params is None else params
                if not jax.eval_shape(self.plan.init, like):
                    raise
        expected = "the dict that init returned"
        slip = self._slip(updates, state, params, extra)
        raise slip or wrong_state(repr(self), expected, type(state).__name__)

    def _slip(
        self, updates: Updates, state: State, params: Params | None, extra: Any
    ) -> TransformError | None:
        """Return the error about a wrong argument; None without one."""
        facts = self.plan.facts
        unread = {
            k: v for k, v in extra.items() if k not in facts.needs | facts.options
        }
        return Slips(UPDATE, self.plan.init, updates, state, params, unread).error()

    def _require_own(self, state: State, params: Params) -> None:
        """Raise a `TransformError` if `init` makes a state of another structure."""
        expected = jax.eval_shape(self.plan.init, params)
        if structure(expected) != structure(state):
            where, right, got = first_difference(expected, state)
            raise wrong_state(repr(self), right, got, where) from None

    def _step(
        self, updates: Updates, state: State, params: Params | None, extra: Any
    ) -> tuple[Updates, State]:
        """Take one step; if it fails, report the wrong argument."""
        try:
            return self._compiled(updates, state, params, extra)
        except (TransformError, KeyError, ValueError, TypeError) as error:
            slip = self._slip(updates, state, params, extra)
            if slip is not None:
                raise slip from None
            if not isinstance(error, TransformError | TypeError):
                self._require_own(state, updates if params is None else params)
            raise

    def _compiled(
        self, updates: Updates, state: State, params: Params | None, extra: Any
    ) -> tuple[Updates, State]:
        """Take one step, compiled as a whole unless a piece is foreign."""
        facts = self.plan.facts
        if not facts.pure:
            return _update(self.plan, updates, state, params, extra)
        names = facts.needs | facts.options if extra else frozenset()
        every = EVERY in names
        read = {k: v for k, v in extra.items() if every or k in names}
        return self._programs(updates, state, params, extra=read)


def _unpacked_from(init: Any, update: Any) -> Transform | None:
    """Return the `Transform` that unpacked into `init` and `update`, if one did."""
    names = getattr(init, "__name__", ""), getattr(update, "__name__", "")
    owner, other = getattr(init, "__self__", None), getattr(update, "__self__", None)
    if names != Transform._fields or not isinstance(owner, Transform):
        return None
    return owner if owner == other else None  # a deep copy of the pair has two owners


TransformLike: TypeAlias = Annotated[Any, "init and update"]
"""A `Transform` or a foreign pair: an object with `init` and `update`, or a 2-tuple."""


def transform(
    builder: Callable[P, Rule | TreeTransform | Transform],
) -> Callable[P, Transform]:
    """Decorate a builder so that it returns a `Transform` that records the call.

    The builder returns a `Rule`, which becomes one piece with the builder's name, or a
    `Transform`, whose pieces keep their names. Arguments annotated as `Decay`,
    `NonNegative` or `Finite` are checked before the call.

    Args:
        builder: a function that returns a `Rule` or a `Transform`.

    Returns:
        The decorated builder. Its transforms have repr, equality and hash by the call,
        and a state of nested dicts by piece name.

    Example:
        >>> import adamx
        >>> @adamx.transform
        ... def sign_descent(learning_rate: adamx.Finite = 0.1):
        ...     return adamx.chain(adamx.trace(0.9), adamx.scale(-learning_rate))
        >>> sign_descent(0.2)
        sign_descent(learning_rate=0.2)
        >>> sign_descent(0.2) == sign_descent(0.2)
        True
    """

    @functools.wraps(builder)
    def build(*args: P.args, **kwargs: P.kwargs) -> Transform:
        bound = bind(builder, args, kwargs)
        try:
            made = builder(*bound.args, **bound.kwargs)
        except NotATransform as error:
            raise error.of_call(builder.__name__, bound.arguments) from None
        named = isinstance(made, Transform)
        pieces = made.plan.pieces if named else ((builder.__name__, made),)
        return Transform.of(pieces, Call(build, bound, pieces))

    vars(build)["__signature__"] = shown_signature(builder, "Transform")
    vars(build).update(uncalled(builder.__name__, call_of(build)))
    return build


_BUILD = transform(lambda: Rule()).__code__
"""The code of all decorated builders; a set of builders would keep them alive."""


def is_builder(x: object) -> bool:
    """Return whether `x` is a function decorated with `transform`."""
    return inspect.isfunction(x) and x.__code__ == _BUILD


def is_transform(x: object) -> bool:
    """Return whether `x` is a `Transform` or a foreign pair."""
    pair = isinstance(x, tuple) and len(x) == 2 and all(map(callable, x))
    named = hasattr(x, "init") and hasattr(x, "update")
    return pair or (named and not inspect.isroutine(x))


def as_transform(tx: TransformLike, argument: str | None = None) -> Transform:
    """Return `tx` itself, or a `Transform` of a foreign pair.

    Raises:
        NotATransform: `tx` is neither; outside of builders, the error names `argument`.
    """
    if isinstance(tx, Transform):
        return tx
    if is_transform(tx):
        return Transform(*tx) if type(tx) is tuple else Transform(tx.init, tx.update)
    raise NotATransform(tx, argument)


def lift(rule: Rule, name: str | None = None) -> Transform:
    """Make a transform of whole trees from a rule for one array.

    Args:
        rule: the rule for one array.
        name: the name of its state and in errors; the name of the class by default.

    Returns:
        The transform; equal rules give equal transforms.

    Example:
        >>> import adamx
        >>> class Halve(adamx.Rule):
        ...     def step(self, g, slots, shared, param):
        ...         return g / 2, slots
        >>> adamx.lift(Halve())
        lift(Halve(), name='Halve')
    """
    bound = bind(lift, (rule, name or type(rule).__name__), {})
    return Transform.of(((bound.arguments["name"], rule),), Call(lift, bound))


def _update(
    plan: Plan, updates: Updates, state: State, params: Params | None, extra: Any
) -> tuple[Updates, State]:
    leaves, treedef = flatten(updates)
    given = updates
    like = leaves[:]
    if params is not None:
        like = flatten_like(treedef, params, "params", updates)
        if any(g is None for g in leaves):
            updates = expand_absent(updates, params)
    new, state = plan.apply(updates, state, params, extra)
    emitted = flatten_like(treedef, new, "what the pieces emit", given, "update")
    for i, (g, u, p) in enumerate(zip(leaves, emitted, like, strict=True)):
        leaves[i] = None if g is None else _rounded(u, p, partial(path_of, given, i))
    return treedef.unflatten(leaves), state


def _rounded(u: Any, like: Any, where: Callable[[], str]) -> Any:
    """Cast an update to the dtype of its parameter: the only rounding in a step."""
    if u is None or like is None:
        return u
    dtype = like.dtype if isinstance(like, jax.Array) else jnp.result_type(like)
    if u.dtype == dtype and isinstance(u, jax.Array) and not u.weak_type:
        return u
    if u.dtype == jax.dtypes.float0:  # because jax.grad returns it for integers
        return no_update(like)
    if u.dtype != dtype:  # because a foreign piece may accept an integer parameter
        optimizable(like, where, None)
    return cast_saturating(u, dtype)
