"""Rules, which act on one array, and rules in series: the core of the library."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import jax.numpy as jnp

from adamx.hyperparameters.hyper import Schedule
from adamx.numerics.averages import next_count
from adamx.tree.pytree_dataclass import PytreeDataclass, replace
from adamx.types import Array, Param, PyTree, Shared, Slots, StepResult

Locality: TypeAlias = Literal["element", "leaf", "tree"]

Stacked: TypeAlias = Literal["loop", "vmap"] | None
"""How `step` runs on a stack of leaves: "loop" on one after the other, in place; "vmap"
on all at once, which needs the memory of all these steps. None means no stacking."""

OverLeaves: TypeAlias = Callable[[Callable[..., PyTree], Shared], Any]
"""The reduction that `advance` gets in a rule of locality "tree"; see `Rule`."""


class Rule(PytreeDataclass):
    """A transform of one array; `lift` applies it to trees of arrays of any dtype.

    A rule is a frozen dataclass: its fields are its hyperparameters. In `step` and
    `advance` a scheduled field holds its value for this step.

    A subclass implements `step` and, where it has state:

        slots(param) -> dict       arrays, containers of arrays or None to keep for each
                                   leaf, by the same names for all leaves; `param`, like
                                   every array that `step` gets, is at least float32
        shared() -> dict           scalars to keep once for all leaves
        advance(shared) -> dict    called once a step, before the leaves

    It may set these class variables:

        locality       "element", the default, if `step` acts on each number alone;
                       "leaf" if it needs a whole array, "tree" if it needs all leaves
        needs          the arguments of update that `advance` takes, such as "value"
        needs_trees    arguments that are trees like the parameters, such as "hessian";
                       in `step`, `shared` has the array of the leaf under that name
        needs_params   whether `step` gets the parameter
        needs_path     whether `for_leaf` returns another rule for each leaf
        counts         whether `shared["count"]` is the number of the step, from 1
        batched        whether updates have a first axis of examples, which `step` sums
                       over; requires locality "tree" and `needs_params`
        refreshes      whether a slow part of `step` runs only in refresh steps, in a
                       `cond`
        averages       whether an input c with a state of c gives the output c, and a
                       number added to all past inputs is added to the output, as in a
                       moving average or a maximum

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
        """Return the initial arrays to keep for `param`, by name."""
        return {}

    def stacks(self) -> Stacked:
        """Return how leaves of equal shape and dtype are stacked to share one `step`.

        Stacking copies the leaves. It pays if a step is slow and its program large, as
        with matrix products. None, the default, means no stacking.
        """
        return None

    def degree(self) -> int | None:
        """Return k if scaling the gradients by any c > 0 scales the updates by cᵏ.

        1 for a linear rule, such as an average; 0 for a scale-free rule, such as a
        sign; None, the default, for any other rule.
        """
        return None

    def shared(self) -> Shared:
        """Return the scalars to keep once for all leaves, by name."""
        return {}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        """Return the next `shared`; `extra` holds the arguments that the class `needs`.

        `step` gets the whole result; the state keeps the names of `shared()`. A rule
        that counts or has scheduled fields also gets `count` and the current values.
        """
        return shared

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        """Return the update for the gradient `g`, and the next `slots`."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    # The library calls the methods below. Composite rules override them.

    def parts(self) -> tuple[tuple[str, "Rule"], ...]:
        """Return the rules inside this rule, by the name of their state."""
        return ()

    def start(self) -> Shared:
        """Return the initial `shared`, with count and values of scheduled fields."""
        if not (self.counts or Schedule in map(type, vars(self).values())):
            return self.shared()
        count = jnp.zeros((), jnp.int32)
        return {"count": count, **self._scheduled(count), **self.shared()}

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        """Return this step's `shared`: count, scheduled values, result of `advance`."""
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
        """Return the rule for the leaf at `path`, such as `layer/w`; see `needs_path`.

        `where()` returns the key path, for errors.
        """
        return self

    def changes(self) -> bool:
        """Return whether a field is scheduled, so that each step resolves the rule."""
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
    """The rule that returns its input."""

    averages = True

    def degree(self) -> int | None:
        return 1

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g, slots


class Guard(Identity):
    """Base of rules that prevent overflow in later rules; `describe` omits them."""

    averages = False

    def degree(self) -> int | None:
        return None


class Series(Rule):
    """Rules one after the other, as one rule."""

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
            break  # Later rules get no scale, because a scale-free rule removes it.
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
    """Return the widest locality of `rule` and the rules inside it."""
    return widest(part.locality for _, part in iter_rules("", rule))


def widest(found: Iterable[Locality]) -> Locality:
    """Return the widest of one or more localities."""
    return max(found, key=("element", "leaf", "tree").index)
