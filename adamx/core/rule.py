"""How a transform acts on one array, and rules in series: the core of the library."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import jax.numpy as jnp

from adamx.hyperparameters.hyper import Schedule
from adamx.numerics.averages import next_count
from adamx.tree.pytree_dataclass import PytreeDataclass, replace
from adamx.types import Array, Param, PyTree, Shared, Slots, StepResult

Locality: TypeAlias = Literal["element", "leaf", "tree"]

Stacked: TypeAlias = Literal["loop", "vmap"] | None
"""How a step is taken for a stack of leaves: for one after the other, in place, or for
all at once, which takes as much more memory as a step takes for all of them. None is
for leaves that are not stacked."""

OverLeaves: TypeAlias = Callable[[Callable[..., PyTree], Shared], Any]
"""The reduction that `advance` of a rule of locality "tree" is given; see `Rule`."""


class Rule(PytreeDataclass):
    """How a transform acts on one array; `lift` does the trees, dtypes and the rest.

    A rule is a frozen dataclass: its fields are its hyperparameters. In `step` and
    `advance` a scheduled field already holds the number in use.

    A subclass writes `step`, and what it needs of these:

        slots(param) -> dict       arrays kept for each leaf, containers of arrays, or
                                   None, by the same names for all leaves; `param` is an
                                   array of at least float32, as is all that `step` sees
        shared() -> dict           scalars kept once for all leaves
        advance(shared) -> dict    called once a step, before the leaves

    It may set these class variables:

        locality       "element", the default: each number on its own; "leaf": a whole
                       array; "tree": all leaves
        needs          the arguments of update that `advance` takes, such as "value"
        needs_trees    arguments that are trees like the parameters, such as "hessian";
                       in `step`, `shared` has the array of the leaf under that name
        needs_params   whether `step` is given the parameter
        needs_path     whether `for_leaf` returns another rule for each leaf
        counts         whether `shared["count"]` is the number of the step, from 1
        batched        whether updates have a first axis of examples, which `step` sums
                       over; then `locality` is "tree", and `needs_params` true
        refreshes      whether the longest part of a step runs only in some steps, in a
                       `cond`
        averages       whether a number c in a state of c makes the rule emit c, and a
                       number added to its whole past is added to what it emits, as in
                       a moving average or a maximum

    `advance` of a rule of locality "tree" also takes a reduction, `over_leaves`.
    `over_leaves(self.measure, shared)` calls a method of the rule,
    `measure(g, slots, shared, param)`, for each leaf. The method returns a few small
    arrays, and `over_leaves` returns them with a first axis of leaves. For a tree
    without leaves the method is called with an empty array.

    `degree` returns 1 if updates grow in proportion to the gradients, and 0 if they do
    not depend on the scale of the gradients.

    If `shared` holds a random key, `step` gets a different key for each leaf.

    Example:
        >>> import jax.numpy as jnp
        >>> from adamx import Rule, lift
        >>> class Clip(Rule):
        ...     bound: float
        ...
        ...     def step(self, g, slots, shared, param):
        ...         return jnp.clip(g, -self.bound, self.bound), slots
        >>> init, update = lift(Clip(1.0))
        >>> updates, state = update(jnp.array([0.5, 3.0]), init(jnp.ones(2)))
        >>> updates.tolist()
        [0.5, 1.0]
    """

    locality: ClassVar[Locality] = "element"
    needs: ClassVar[tuple[str, ...]] = ()
    needs_trees: ClassVar[tuple[str, ...]] = ()
    needs_params: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    needs_path: ClassVar[bool] = False
    batched: ClassVar[bool] = False
    refreshes: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    def slots(self, param: Array) -> Slots:
        """Return the arrays to keep for `param`, by name, as they are at first."""
        return {}

    def stacks(self) -> Stacked:
        """Return how leaves of equal shape and dtype are stacked to share one `step`.

        That copies them, and is worth it where a step is long and its program large:
        products of matrices. None, the default, stacks none.
        """
        return None

    def degree(self) -> int | None:
        """Return k if c times all gradients makes cᵏ times all updates, for any c > 0.

        1 for a rule that is linear in c, as an average; 0 for a rule that is free of
        scale, as a sign; None, the default, for neither.
        """
        return None

    def shared(self) -> Shared:
        """Return the scalars to keep once for all leaves, by name."""
        return {}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        """Return the next `shared`; `extra` holds the arguments that the class `needs`.

        `step` sees every name in it. The state keeps those of `shared()`. Beside these
        there are the `count` and the values in use of a rule that counts or has
        scheduled fields.
        """
        return shared

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        """Return the update made of `g`, and the next `slots`."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    # From here on: what the library calls. Composite rules override these.

    def parts(self) -> tuple[tuple[str, "Rule"], ...]:
        """Return the rules this one is composed of, by the name of their state."""
        return ()

    def start(self) -> Shared:
        """Return the first `shared`, with the count and values of scheduled fields."""
        if not (self.counts or Schedule in map(type, vars(self).values())):
            return self.shared()
        count = jnp.zeros((), jnp.int32)
        return {"count": count, **self._scheduled(count), **self.shared()}

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        """Return what is shared in this step: count, scheduled fields, `advance`."""
        rule, counted, mine = self, {}, shared
        if "count" in shared:
            values = self._scheduled(shared["count"])
            counted = {"count": next_count(shared["count"]), **values}
            rule = replace(self, **values) if values else self
            mine = {**shared, **counted}
        given = {name: extra[name] for name in self.needs}
        if self.locality == "tree":
            given["over_leaves"] = over_leaves
        mine = rule.advance(mine, **given)
        return {**counted, **mine, **{name: extra[name] for name in self.needs_trees}}

    def for_leaf(
        self, path: str, shape: tuple[int, ...], where: Callable[[], str]
    ) -> "Rule":
        """Return the rule for one leaf, if it `needs_path`: paths are like `layer/w`.

        `where()` is the key path, for errors.
        """
        return self

    def changes(self) -> bool:
        """Return whether fields change from step to step, so that it is resolved."""
        return Schedule in map(type, vars(self).values())

    def resolve(self, shared: Shared) -> "Rule":
        """Return this rule with the numbers of this step in its scheduled fields."""
        values = {
            k: shared[k] for k, v in vars(self).items() if isinstance(v, Schedule)
        }
        return replace(self, **values) if values else self

    def _scheduled(self, count: Array) -> dict[str, Array]:
        fields = vars(self).items()
        return {k: v(count) for k, v in fields if isinstance(v, Schedule)}


class Identity(Rule):
    """Emits what comes in."""

    averages = True

    def degree(self) -> int | None:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g, slots


class Guard(Identity):
    """Clips what would overflow in the rules behind it; `describe` does not show it."""

    averages = False

    def degree(self) -> int | None:
        return None


class Series(Rule):
    """Rules one after the other: again a rule, one function for the whole chain."""

    rules: tuple[tuple[str, Rule], ...]

    def degree(self) -> int | None:
        return chained(rule.degree() for _, rule in self.rules)

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return self.rules

    def slots(self, param: Array) -> Slots:
        return {n: kept for n, rule in self.rules if (kept := rule.slots(param))}

    def start(self) -> Shared:
        return {n: kept for n, rule in self.rules if (kept := rule.start())}

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        return {
            name: rule.advance_all(shared.get(name, {}), extra, over_leaves)
            for name, rule in self.rules
        }

    def for_leaf(
        self, path: str, shape: tuple[int, ...], where: Callable[[], str]
    ) -> "Series":
        return Series(
            tuple((n, rule.for_leaf(path, shape, where)) for n, rule in self.rules)
        )

    def resolve(self, shared: Shared) -> "Series":
        return Series(
            tuple((name, rule.resolve(shared[name])) for name, rule in self.rules)
        )

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        new = {}
        for name, rule in self.rules:
            g, kept = rule.step(g, slots.get(name, {}), shared.get(name, {}), param)
            if kept:
                new[name] = kept
        return g, new


def chained(degrees: Iterable[int | None]) -> int | None:
    """Return the degree of rules in series; see `Rule.degree`."""
    total = 1
    for degree in degrees:
        if total == 0:
            break  # What comes after a rule that is free of scale sees none.
        if degree is None:
            return None
        total *= degree
    return total


def iter_rules(name: str, rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yield `rule` and all rules inside it, each with its name."""
    yield name, rule
    for inner in rule.parts():
        yield from iter_rules(*inner)


def locality(rule: Rule) -> Locality:
    """Return how far `rule` has to see: the widest locality of its parts."""
    return widest(part.locality for _, part in iter_rules("", rule))


def widest(found: Iterable[Locality]) -> Locality:
    """Return the one of these localities, at least one, that sees farthest."""
    return max(found, key=("element", "leaf", "tree").index)
