"""The subject of a law: a transform, with the facts that laws need."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.core.tree_transform import EVERY
from adamx.hyperparameters.call import Call
from adamx.hyperparameters.hyper import Interval, declared
from adamx.numerics.arithmetic import abs_sq
from adamx.numerics.dtypes import compute_dtype
from adamx.testing.compare import leaves
from adamx.testing.exceptions import EXCEPTIONS, GAINS
from adamx.testing.kit import ADAMX, Kit
from adamx.testing.law import NotTried
from adamx.testing.single import builder_of
from adamx.testing.trees import Trajectory
from adamx.types import Params, State, Updates
from adamx.wrappers.inject_hyperparams import inject_hyperparams

Build = Callable[[Callable[[str, float], Any]], Any]
"""A function that builds the transform again. Its argument maps the name and the value
of each hyperparameter to the new value."""

EXTRA: Mapping[str, Callable[[Updates, Params], Any]] = {
    "value": lambda updates, params: half_of_squares(params),
    "grad": lambda updates, params: params,
    "value_fn": lambda updates, params: half_of_squares,
    "grad_fn": lambda updates, params: lambda params, step: updates,
    "hessian": lambda updates, params: jax.tree.map(_ones, updates),
}
"""The extra arguments of update that laws can give: those of one loss, a function of
the parameters alone."""


FACTORS = 8
"""How many factors a long run has at the most, in turns; fewer divide it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A transform on trial, with the facts that laws need.

    Args:
        name: how it is called in messages.
        tx: the pair of init and update.
        kit: the combinators that go with it.
        build: builds it again with other hyperparameters; None if nobody knows how.
        schedules: whether its hyperparameters may be functions of the step count.
        injected: builds it with hyperparameters, by name, that are kept in the state.
        extra: from updates and parameters to the extra arguments of update.
        exceptions: laws it cannot keep, by name, with the reasons.
        gain: by how much it multiplies rounding errors of what comes in; where laws
            allow for units in the last place, it may be so many times as many.
        references: where independent implementations go, for law 17.
        full: whether to try whole grids instead of a selection of each.

    Example:
        >>> import adamx
        >>> subject = Subject.of(adamx.adam(0.5))
        >>> subject.name, sorted(subject.numbers())[:2]
        ('adam(0.5)', ['adam.b1', 'adam.b2'])
    """

    name: str
    tx: Any
    kit: Kit = ADAMX
    build: Build | None = None
    schedules: bool = True
    injected: Callable[[dict[str, float]], Any] | None = None
    extra: Callable[[Updates, Params], Mapping[str, Any]] | None = None
    exceptions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    gain: float = 1.0
    references: tuple[Trajectory, ...] = ()
    full: bool = False

    @staticmethod
    def of(tx: TransformLike, name: str | None = None, **options: Any) -> "Subject":
        """Make a subject from a transform, with all that adamx knows about it."""
        own = as_transform(tx)
        build, injected, exceptions, gain = None, None, {}, 1.0
        known_as = own.plan.pieces[0][0]
        if isinstance(own.call, Call):
            known_as = repr(own)
            build = functools.partial(_rebuilt, own)
            injected = functools.partial(_injected, own)
            exceptions = EXCEPTIONS.get(builder_of(own) or "", {})
            gain = GAINS.get(builder_of(own) or "", (1.0, ""))[0]
        needs = own.plan.facts.needs
        known = {n: x for n, x in EXTRA.items() if n in needs or EVERY in needs}
        extra = functools.partial(_given, known) if known else None
        known_of_it = {"build": build, "injected": injected, "extra": extra}
        known_of_it |= {"exceptions": exceptions, "gain": gain}
        return Subject(name or known_as, tx, **{**known_of_it, **options})

    def init(self, params: Params) -> State:
        """Return the first state, as a user's `init` makes it."""
        return self.tx.init(params)

    def fresh(self, params: Params) -> State:
        """Return the first state, for laws that are not about `init`: see `fresh`."""
        return fresh(self.tx, params)

    def apply(
        self, tx: Any, updates: Updates, state: State, params: Params | None
    ) -> tuple[Updates, State]:
        """Return one step of `tx`, a variant of this transform, without jit."""
        extra = self.extra(updates, params) if self.extra else {}
        return tx.update(updates, state, params, **extra)

    def update(
        self, updates: Updates, state: State, params: Params | None
    ) -> tuple[Updates, State]:
        """Return one step of this transform."""
        return self.apply(self.tx, updates, state, params)

    def run(
        self, tx: Any, params: Params, grads: list[Updates], state: State = None
    ) -> tuple[list[Updates], State]:
        """Return each step's updates, the parameters held, and the last state.

        It begins from `state`, or if that is None from a fresh one.
        """
        state, out = fresh(tx, params) if state is None else state, []
        for g in grads:
            updates, state = self.apply(tx, g, state, params)
            out.append(updates)
        return out, state

    def scan(
        self,
        params: Params,
        grad: Updates,
        steps: int,
        factors: tuple[float, ...] = (1.0,),
        state: State = None,
    ) -> tuple[Updates, State]:
        """Return the last updates and state of many steps on scaled gradients.

        It begins from `state`, or if that is None from a fresh one.
        """
        state = self.fresh(params) if state is None else state
        turns = np.resize(np.asarray(factors), FACTORS)
        return self._many(params, grad, state, turns, steps)

    @functools.cached_property
    def _many(self) -> Callable[..., tuple[Updates, State]]:
        """Compile `scan`: one program for all numbers of steps, and all factors."""

        def many(
            params: Params, grad: Updates, state: State, turns: Any, steps: Any
        ) -> tuple[Updates, State]:
            def step(t: Any, last: tuple[Updates, State]) -> tuple[Updates, State]:
                g = jax.tree.map(
                    lambda g: (g * turns[t % FACTORS]).astype(g.dtype), grad
                )
                return self.update(g, last[1], params)

            first = jax.tree.map(jnp.zeros_like, params), state
            return jax.lax.fori_loop(0, steps, step, first)

        return jax.jit(many)

    def numbers(self) -> dict[str, float]:
        """Return the hyperparameters that are numbers, by name."""
        found: dict[str, float] = {}
        self.rebuilt(lambda name, value: found.setdefault(name, value))
        if not found:
            raise NotTried("it has no hyperparameters that are numbers")
        return found

    def rebuilt(self, values: Callable[[str, float], Any]) -> Any:
        """Return the transform with other hyperparameters."""
        if self.build is None:
            raise NotTried("nobody says how it is built")
        return self.build(values)


def fresh(tx: Any, params: Params) -> State:
    """Return the first state of `tx`, made operation by operation.

    A jitted `init` is a program for each shape and dtype that runs once. Of the
    programs that the laws need for a transform these were a third.
    """
    with jax.disable_jit():
        return tx.init(params)


def kept_parameters(
    subject: Subject, params: Params, state: State
) -> list[tuple[str, Any]]:
    """Return the slots that began as the parameters and add all steps up.

    Each comes with its key path. The parameters must not be zeros.
    """
    begun = [np.asarray(p, np.float64) for _, p in leaves(params)]

    def is_parameter(x: Any) -> bool:
        inexact = jnp.issubdtype(x.dtype, jnp.inexact)
        return inexact and any(
            x.shape == p.shape and np.array_equal(np.asarray(x, np.float64), p)
            for p in begun
        )

    pairs = zip(leaves(subject.fresh(params)), leaves(state), strict=True)
    return [now for (_, first), now in pairs if is_parameter(first)]


def _ones(g: Any) -> jax.Array:
    return jnp.ones(jnp.shape(g))


def half_of_squares(params: Params) -> jax.Array:
    """Return ½‖θ‖², whose gradient is θ; of numbers that can be differentiated by."""
    arrays = [jnp.asarray(p) for p in jax.tree.leaves(params)]
    wide = [
        x.astype(compute_dtype(x.dtype))
        for x in arrays
        if jnp.issubdtype(x.dtype, jnp.inexact)
    ]
    return sum((jnp.sum(abs_sq(x)) / 2 for x in wide), jnp.float32(0))


def _given(
    known: Mapping[str, Callable[..., Any]], updates: Updates, params: Params
) -> dict[str, Any]:
    return {name: value(updates, params) for name, value in known.items()}


def _injected(tx: Transform, values: Mapping[str, float]) -> Transform:
    """Call the builder of `tx` again, with these numbers and its own in the state."""
    call = _rebuilt(tx, lambda name, _: values[name]).call
    assert isinstance(call, Call)
    owned = {name.rpartition("."): x for name, x in values.items()}
    given = {
        n: x for (owner, _, n), x in owned.items() if owner == call.builder.__name__
    }
    arguments = call.bound.arguments | given
    now = inspect.BoundArguments(call.bound.signature, arguments)
    return inject_hyperparams(call.builder)(*now.args, **now.kwargs)


def _rebuilt(tx: Transform, values: Callable[[str, float], Any], path: str = "") -> Any:
    """Make the call again that made `tx`, and those that made its arguments."""
    if not isinstance(tx.call, Call):
        return tx
    builder, bound = tx.call.builder, tx.call.bound
    checks = declared(builder)[1]
    intervals = {k for k, check in checks.items() if isinstance(check, Interval)}
    path = f"{path}{builder.__name__}."

    def number(name: str, value: Any) -> Any:
        whole = name in intervals and isinstance(value, float)
        return values(path + name, value) if whole else value

    arguments = {
        name: _argument(values, number, path, name, bound.arguments[name])
        for name in bound.signature.parameters
    }
    again = type(bound)(bound.signature, arguments)  # pyright: ignore
    return builder(*again.args, **again.kwargs)


def _argument(
    values: Callable[[str, float], Any],
    number: Callable[[str, Any], Any],
    path: str,
    name: str,
    value: Any,
) -> Any:
    """Return an argument with the transforms in it made again.

    A function inside of another one that calls itself would hold `values`, tracers
    perhaps, until the next garbage collection.
    """
    if isinstance(value, Transform):
        return _rebuilt(value, values, f"{path}{name}.")
    if isinstance(value, Mapping):
        pairs = ((k, f"{name}.{k}", v) for k, v in value.items())
        return {k: _argument(values, number, path, n, v) for k, n, v in pairs}
    if isinstance(value, tuple):
        rows = ((f"{name}.{i}", v) for i, v in enumerate(value))
        return tuple(_argument(values, number, path, n, v) for n, v in rows)
    return number(name, value)
