"""Errors about arguments that are missing, swapped or of the wrong kind."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

import jax

from adamx.errors import ArgumentError, MissingAttribute, TransformError
from adamx.hyperparameters.vocabulary import IN_INIT, replaced
from adamx.tree.kinds import NOT_GIVEN, call_of, kind_of, shown_value
from adamx.tree.paths import WIDTH, is_leaf, structure
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.tree.text import shortened


class NotATransform(ArgumentError):
    """The error about a value that is not a transform.

    Args:
        value: the value.
        argument: the function and its argument, if they are known.
        hint: advice to the caller; by default it depends on the value alone.
    """

    def __init__(
        self, value: Any, argument: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(
            f"{argument or 'this'} must be a transform, not {kind_of(value).text}",
            expected="a Transform, or a pair of init and update (Optax's, say)",
            got=shown_value(value),
            hint=hint or _meant(value),
        )
        self.value = value

    def of_call(self, builder: str, arguments: Mapping[str, Any]) -> "NotATransform":
        """Return the error, naming the argument of the call that holds the value."""
        for name, given in arguments.items():
            for path, value in _within(name, given):
                if value is self.value:
                    rest = {k: v for k, v in arguments.items() if k != name}
                    hint = self._in_call(builder, name, given, rest)
                    return NotATransform(value, f"{builder}: {path}", hint)
        return self

    def _in_call(
        self, builder: str, name: str, given: Any, rest: Mapping[str, Any]
    ) -> str | None:
        if kind_of(self.value).name == "transforms":
            together = f"{builder}(*{name})" if type(given) is tuple else "adamx.chain"
            return f"give each as an argument of its own: {together}"
        for other, value in rest.items():
            if any(kind_of(x).name == "transform" for _, x in _within(other, value)):
                return f"`{other}` is one: are `{name}` and `{other}` swapped?"
        return None


def _within(name: str, given: Any) -> Iterator[tuple[str, Any]]:
    """Yield an argument and its entries, each with its source text."""
    yield name, given
    if type(given) in (tuple, list):
        yield from ((f"{name}[{i}]", x) for i, x in enumerate(given))
    elif isinstance(given, Mapping):
        yield from ((f"{name}[{key!r}]", x) for key, x in given.items())


def _meant(value: Any) -> str | None:
    """Return a hint for a value in the place of a transform."""
    match kind_of(value).name:
        case "builder" | "function":
            return f"call it: {call_of(value)}"
        case "class":
            return "adamx.lift(rule) makes a transform of an instance of a Rule"
        case "rule":
            return "adamx.lift(rule) makes a transform of it"
        case "schedule":
            return "adamx.scale_by_learning_rate(schedule) or adamx.scale(schedule)"
        case "number" | "array":
            return "adamx.scale(number) multiplies the updates"
        case "string":
            return "call its builder, as adamx.adam(1e-3)"
        case "none":
            return "does the function that builds it lack a return?"
        case "transforms":
            return "adamx.chain(*transforms) makes one of them"
        case "branch":
            return "with_input makes a branch of adamx.fork"
        case "tree":
            return IN_INIT
    return None


def uncalled(name: str, call: str) -> dict[str, Callable[..., NoReturn]]:
    """Return `init` and `update` that report a builder used as a transform."""
    methods = ("init", "update")
    return {m: functools.partial(_raise_uncalled, name, call, m) for m in methods}


def _raise_uncalled(name: str, call: str, method: str, *_: Any, **__: Any) -> NoReturn:
    raise TransformError(
        f"{name}.{method}: {name} builds transforms, and was not called",
        expected="a transform",
        got=f"the function {name}",
        hint=f"call it: {call}.{method}",
    )


class FixedAttributes:
    """Base of an object whose attributes are set once, when it is made.

    Reading an unknown attribute raises an error with a hint. So does setting it,
    because it would have no effect.
    """

    _own: ClassVar[frozenset[str]] = frozenset({"call", "plan", "_programs"})
    """The attributes that may be set."""

    if not TYPE_CHECKING:  # otherwise type checkers allow any attribute

        def __getattr__(self, name: str) -> NoReturn:
            raise MissingAttribute(
                f"a transform has no attribute {name!r}",
                expected="init and update",
                hint=replaced(name),
            )

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in self._own:
                raise MissingAttribute(
                    f"a transform never changes, and {name!r} cannot be set",
                    got=f"{name} = {shown_value(value)}",
                    hint=replaced(name),
                )
            super().__setattr__(name, value)


class Called(NamedTuple):
    """A function that takes a step: its name, its first argument, an example call."""

    function: str
    updates: str
    form: str


UPDATE = Called("update", "updates", "updates, state = tx.update(grads, state, params)")
STEP = Called("step", "grads", "params, state = step(params, state, grads)")

TREES = {
    "grads": "updates",
    "grad": "updates",
    "gradients": "updates",
    "opt_state": "state",
    "optimizer_state": "state",
    "parameters": "params",
    "weights": "params",
    "model": "params",
    "variables": "params",
}
"""Other names of the arguments of `update`."""


class Slips(PytreeDataclass):
    """The arguments of a failed step, and the search for the mistake in them."""

    called: Called
    init: Callable[[Any], Any]
    """The `init` of the transform."""
    updates: Any
    state: Any
    params: Any
    extra: Mapping[str, Any]

    def error(self) -> TransformError | None:
        """Return the error about the first mistake; None without one."""
        slips = (
            self._absent,
            self._no_tree,
            self._swapped,
            self._in_state,
            self._in_updates,
        )
        return next((found for slip in slips if (found := slip()) is not None), None)

    def _about(self, what: str, hint: str | None = None, **rows: Any) -> TransformError:
        what = f"{self.called.function}: {what}"
        return TransformError(what, hint=hint or self.called.form, **rows)

    def _given(self) -> dict[str, Any]:
        return {
            self.called.updates: self.updates,
            "state": self.state,
            "params": self.params,
        }

    def _absent(self) -> TransformError | None:
        """Report missing arguments, and arguments given under another name."""
        others = {k: v for k, v in TREES.items() if k in self.extra}
        missing = [name for name, x in self._given().items() if x is NOT_GIVEN]
        if self.params is None and "params" in others.values():
            missing.append("params")
        if not missing:
            return None
        hints = [f"`{k}` is `{v}` here" for k, v in others.items()]
        hints = hints or ([FIRST] if missing == ["state"] else [self.called.form])
        named = " and ".join(f"`{name}`" for name in missing)
        verb = "is" if len(missing) == 1 else "are"
        return self._about(f"{named} {verb} missing", "; ".join(hints))

    def _no_tree(self) -> TransformError | None:
        """Report a function, a transform or a string in the place of a tree."""
        hints = {self.called.updates: "grads = jax.grad(loss)(params)", "state": FIRST}
        for name, value in self._given().items():
            if is_no_tree(value):
                hint = hints.get(name, self.called.form)
                return no_tree(self.called.function, name, value, hint)
        return None

    def _swapped(self) -> TransformError | None:
        """Report a state in the place of updates or parameters."""
        if self._is_state(self.state):
            return None
        for name, value in self._given().items():
            if self._is_state(value):
                return self._about(
                    f"`{name}` and `state` are swapped", got=f"the state as `{name}`"
                )
        return None

    def _in_state(self) -> TransformError | None:
        """Report a `state` that is a recognized value of another kind."""
        x = self.state
        if not self._names or self._is_state(x):
            return None
        rows = {"expected": STATE, "got": type(x).__name__}
        if x is None:
            return self._about("`state` is None", FIRST, **rows)
        if isinstance(x, tuple) and any(map(self._is_state, x)):
            return self._about("`state` is the pair that update returned")
        if _of_optax(x):
            hint = "adamx.from_optax(state, tx, params) converts it"
            return self._about("`state` is a state of Optax", hint, **rows)
        if structure(x) == structure(self.updates):
            hint = f"{FIRST}; update returns (updates, state)"
            what = f"`state` is a tree like `{self.called.updates}`"
            return self._about(what, hint, **rows)
        return None

    def _in_updates(self) -> TransformError | None:
        """Report gradients inside of a tuple or a list."""
        x, name = self.updates, self.called.updates
        if not isinstance(x, tuple | list) or self._fits(x):
            return None
        at = next((i for i, part in enumerate(x) if self._fits(part)), None)
        if at is None:
            return None
        if at == 1 and len(x) == 2:
            hint = "loss, grads = jax.value_and_grad(loss_fn)(params)"
            what = f"`{name}` is a pair (loss, gradients), not gradients"
            return self._about(what, hint)
        return self._about(
            f"`{name}` is a {type(x).__name__} with the gradients in it",
            f"give {name}[{at}]; jax.grad without argnums returns it alone",
            got=f"the gradients as {name}[{at}]",
        )

    @functools.cached_property
    def _names(self) -> frozenset[str] | None:
        """Return the names of the pieces with state; None if `init` always fails."""
        for tree in (self.params, self.updates, self.state):
            try:
                return frozenset(jax.eval_shape(self.init, tree))
            except Exception:  # because `tree` is not a tree of arrays
                continue
        return None

    def _is_state(self, x: Any) -> bool:
        names = self._names
        if names:
            return isinstance(x, dict) and x.keys() == names
        return isinstance(x, dict | tuple) and not x

    def _fits(self, x: Any) -> bool:
        """Return whether `x`, as gradients, fits the parameters, or else the state."""
        if self.params is not None:
            return structure(x) == structure(self.params)
        try:
            state = jax.eval_shape(self.init, x)
        except Exception:  # because `x` is not a tree of arrays
            return False
        return bool(state) and structure(state) == structure(self.state)


FIRST = "state = tx.init(params) before the first step"
STATE = "the dict that init returned"


def _of_optax(state: Any) -> bool:
    parts = [state, *state] if isinstance(state, tuple) else [state]
    return any(type(part).__module__.startswith("optax") for part in parts)


def is_no_tree(x: Any) -> bool:
    """Return whether `x` is a leaf of a kind that is never an array."""
    return x is not None and is_leaf(x) and kind_of(x).name in _NO_TREES


_NO_TREES = frozenset(
    {
        "builder",
        "class",
        "function",
        "nothing",
        "rule",
        "schedule",
        "string",
        "transform",
    }
)


def no_tree(function: str, argument: str, value: Any, hint: str) -> TransformError:
    """Return the error about a value in the place of a tree of arrays."""
    missing = value is NOT_GIVEN
    return ArgumentError(
        f"{function}: `{argument}` is missing"
        if missing
        else f"{function}: `{argument}` must be a tree of arrays, not "
        + kind_of(value).text,
        got=None if missing else shown_value(value),
        hint=hint,
    )


def slip_in_apply(params: Any, updates: Any) -> TransformError | None:
    """Return the error about wrong arguments of `apply_updates`; None without one."""
    for name, x in (("params", params), ("updates", updates)):
        if is_no_tree(x):
            return no_tree("apply_updates", name, x, UPDATE.form)
    like = structure(params)
    if isinstance(updates, tuple) and updates and structure(updates[0]) == like:
        what = "`updates` is the pair that update returned, not the updates"
        return TransformError(f"apply_updates: {what}", hint=UPDATE.form)
    for name, x, other in (("updates", updates, params), ("params", params, updates)):
        if isinstance(x, dict) and _contains(x, structure(other)):
            return TransformError(
                f"apply_updates: `{name}` looks like a state, not like {name}",
                expected="apply_updates(params, updates)",
                got=f"a dict with {shortened([*map(repr, x)], WIDTH)}",
                hint=UPDATE.form,
            )
    return None


def _contains(tree: Any, treedef: Any) -> bool:
    """Return whether part of `tree` has the structure `treedef`, of several leaves."""
    if treedef.num_leaves < 2 or structure(tree) == treedef:
        return False
    parts = jax.tree.leaves(tree, is_leaf=lambda x: structure(x) == treedef)
    return any(structure(x) == treedef for x in parts)
