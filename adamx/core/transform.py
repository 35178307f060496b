"""The pair (init, update), and how builders of it remember the call that made it."""

import functools
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ParamSpec, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.foreign import foreign
from adamx.core.freeze import no_update
from adamx.core.node import EVERY, Node
from adamx.core.optax_pair import with_optax_pair
from adamx.core.rule import Rule
from adamx.errors import TransformError
from adamx.execution.plan import Piece, Plan
from adamx.execution.programs import Programs
from adamx.hyperparameters.call import Call, NoCall, Remembered
from adamx.hyperparameters.hyper import bind
from adamx.numerics.dtypes import narrow
from adamx.tree.check import alongside, expand_absent, optimizable, path_of
from adamx.tree.paths import first_difference, flatten, structure
from adamx.types import Params, State, Updates

P = ParamSpec("P")


class Transform(Remembered):
    """The pair `init` and `update`, into which it unpacks.

        init(params) -> state
        update(updates, state, params=None, **extra) -> (updates, state)

    Updates of any float dtype come in as gradients and leave in the dtype of their
    parameters, ready to be added: `apply_updates(params, updates)`. Called eagerly,
    `update` is compiled as a whole; inside a jit it is traced like any function.

    Two transforms are equal if the same call made them, and then share their compiled
    code; a transform can be a static argument of `jax.jit`.

    Where Optax is loaded, `isinstance(tx, optax.GradientTransformationExtraArgs)` is
    true, so Optax's wrappers hand extra arguments on, and type checks accept it.

    Args:
        init: from the parameters to the state.
        update: from updates, state and parameters to updates and state.

    Raises:
        TransformError: the two are not functions.

    Reference:
        The pair is that of jax.example_libraries.optimizers (2018) and of Optax.

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
        """The class for `isinstance`; `type(tx)` is not asked for it."""
        return with_optax_pair(type(self))

    @classmethod
    def of(cls, pieces: tuple[Piece, ...], call: Call | NoCall) -> "Transform":
        """The transform of these pieces, in series, made by this call."""
        transform = cls.__new__(cls)
        transform._set(pieces, call)
        return transform

    def _set(self, pieces: tuple[Piece, ...], call: Call | NoCall) -> None:
        self.call = call
        self.plan = Plan.of(pieces)
        self._programs = Programs(_update, self.plan)

    def parts(self) -> tuple[Any, ...]:
        """The pair that it was made of."""
        known = isinstance(self.call, NoCall) and self.call.parts
        return known or super().parts()

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.update

    # Optax's pair is a named tuple, and an instance of it must have its methods.

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: Any) -> Any:
        return (*self,)[index]

    def _asdict(self) -> dict[str, Callable[..., Any]]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **functions: Callable[..., Any]) -> "Transform":
        return Transform(**(self._asdict() | functions))

    def init(self, params: Params) -> State:
        """The state before the first step: nested dicts, named by piece.

        Args:
            params: any pytree of float or complex arrays, concrete, traced or
                `jax.ShapeDtypeStruct`; None stands for a parameter that is not there.

        Returns:
            `{piece: {slot: tree like params}}`, with each slot placed over the
            devices as its parameter is.

        Raises:
            TransformError: a leaf is no float or complex array; the message has its
                key path.
        """
        return self.plan.init(params)

    def update(
        self,
        updates: Updates,
        state: State,
        params: Params | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """One step: the updates to add to the parameters, and the next state.

        Args:
            updates: the gradients, a tree like the parameters; None for a parameter, or
                for a subtree, gives None and leaves its state as it was.
            state: what `init` or the last `update` returned. A transform without state
                takes None, `()` and Optax's `EmptyState()` too, and returns them.
            params: the parameters, where a piece needs them; they set the dtype.
            **extra: what pieces declare (`value=loss`, …); pieces that do not read
                an argument let it pass.

        Returns:
            The updates, in the dtype of `params` (of `updates` without them), and
            the next state, of the same structure, shapes and dtypes as `state`.

        Raises:
            TransformError: updates, state and params do not fit together, or a piece
                misses an argument; the message has key path and piece.
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
        raise TransformError(
            "the state is of another transform",
            piece=repr(self),
            expected="the dict that init returned",
            got=type(state).__name__,
        )

    def _require_own(self, state: State, params: Params) -> None:
        """Raise a `TransformError` if `init` makes a state of another structure."""
        expected = jax.eval_shape(self.plan.init, params)
        if structure(expected) != structure(state):
            where, right, got = first_difference(expected, state)
            raise TransformError(
                "the state is of another transform",
                where=where,
                piece=repr(self),
                expected=right,
                got=got,
                do="use the state that init of the same transform made",
            ) from None

    def _step(
        self, updates: Updates, state: State, params: Params | None, extra: Any
    ) -> tuple[Updates, State]:
        """One step; where it fails for its state, the error says where that differs."""
        try:
            return self._compiled(updates, state, params, extra)
        except TransformError:
            raise
        except (KeyError, ValueError):
            self._require_own(state, updates if params is None else params)
            raise

    def _compiled(
        self, updates: Updates, state: State, params: Params | None, extra: Any
    ) -> tuple[Updates, State]:
        """One step, compiled as a whole unless a foreign piece is in it."""
        if not self.plan.pure():
            return _update(self.plan, updates, state, params, extra)
        names = self.plan.needs() | self.plan.options() if extra else frozenset()
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


TransformLike: TypeAlias = Any
"""A `Transform`, or a foreign pair: anything with `init` and `update`, or 2-tuple."""


def transform(builder: Callable[P, Rule | Node | Transform]) -> Callable[P, Transform]:
    """Decorate a builder so that what it builds is a `Transform` that remembers it.

    The builder returns a `Rule`, which becomes one piece under the builder's name, or
    a `Transform` that it put together, whose pieces keep their names. Arguments
    annotated as `Decay`, `NonNegative` or `Finite` are checked before it is called.

    Args:
        builder: a function that returns a `Rule` or a `Transform`.

    Returns:
        The function to use instead; its transforms have repr, equality and hash by
        the call, and a state of nested dicts by the names of their pieces.

    Raises:
        TransformError: (when called) an argument is outside its interval.

    Reference:
        adamx's own.

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
        made = builder(*bound.args, **bound.kwargs)
        named = isinstance(made, Transform)
        pieces = made.plan.pieces if named else ((builder.__name__, made),)
        return Transform.of(pieces, Call(build, bound, pieces))

    return build


_BUILD = transform(lambda: Rule()).__code__
"""That of every builder that `transform` made. A set of them would keep them alive."""


def is_builder(x: object) -> bool:
    """Whether `x` is a function decorated with `transform`."""
    return inspect.isfunction(x) and x.__code__ == _BUILD


def is_transform(x: object) -> bool:
    """Whether `x` is a `Transform` or a foreign pair."""
    pair = isinstance(x, tuple) and len(x) == 2 and all(map(callable, x))
    return pair or (hasattr(x, "init") and hasattr(x, "update"))


def as_transform(tx: TransformLike) -> Transform:
    """`tx` itself, or a foreign pair made into a `Transform`."""
    if isinstance(tx, Transform):
        return tx
    if is_transform(tx):
        return Transform(*tx) if type(tx) is tuple else Transform(tx.init, tx.update)
    raise TransformError(
        "this is not a transform",
        expected="a Transform, or a pair of init and update (Optax's, say)",
        got=repr(tx),
        do="call the builder, as in adam(1e-3)" if inspect.isroutine(tx) else None,
    )


def lift(rule: Rule, name: str | None = None) -> Transform:
    """Make a transform of whole trees from a rule for one array.

    Args:
        rule: what happens to one array.
        name: the name of its state and in errors; the class's by default.

    Returns:
        The transform; equal for equal rules.

    Raises:
        TransformError: (when used) what does not fit, with key path and piece.

    Reference:
        adamx's own; `transform` does the same for a builder function.

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
    given = updates
    if params is not None:
        updates = expand_absent(updates, params)
    new_updates, new_state = plan.apply(updates, state, params, extra)
    rounded = _rounded(new_updates, updates if params is None else params)
    return alongside(given, rounded, "what the pieces emit", "update"), new_state


def _rounded(updates: Updates, like: Params) -> Updates:
    """`updates` in the dtypes of `like`: the only rounding there is."""
    leaves, treedef = flatten(updates)
    for i, (u, p) in enumerate(zip(leaves, treedef.flatten_up_to(like), strict=True)):
        if u is None or p is None:
            continue
        dtype = _dtype(p)
        if u.dtype == jax.dtypes.float0:  # what jax.grad gives for integers
            leaves[i] = no_update(p)
            continue
        if u.dtype != dtype:  # a foreign piece may have taken an integer for a float
            optimizable(p, partial(path_of, like, i), None)
        leaves[i] = narrow(u, dtype)
    return treedef.unflatten(leaves)


def _dtype(x: Any) -> Any:
    """That of `x`, which need not be an array; quickly where it is one."""
    return x.dtype if isinstance(x, jax.Array) else jnp.result_type(x)
