"""How a transform acts on one array, and rules in series: the core of the library."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import jax.numpy as jnp

from adamx.hyperparameters.hyper import Schedule
from adamx.numerics.averages import next_count
from adamx.tree.record import Record, replace
from adamx.types import Array, PyTree, Rate, Scalar, Shared, Slots

Locality: TypeAlias = Literal["element", "leaf", "tree"]

Stacked: TypeAlias = Literal["loop", "vmap"] | None
"""How a step is taken for a stack of leaves: for one after the other, in place, or for
all at once, which takes as much more memory as a step takes for all of them. None is
for leaves that are not stacked."""


class Rule(Record):
    """How a transform acts on one array; `lift` does the trees, dtypes and the rest.

    A rule is a frozen dataclass: its fields are its hyperparameters. In `step` and
    `advance` a scheduled field already holds the number in use.

    A subclass writes `step`, and what it needs of these:

        slots(param) -> dict       arrays kept for each leaf, containers of arrays, or
                                   None, by the same names for all leaves; `param` is an
                                   array of at least float32, as is all that `step` sees
        shared() -> dict           scalars kept once for all leaves
        advance(shared) -> dict    called once a step, before the leaves
        measure(g, slots, shared, param) -> tree     locality "tree": what a leaf has to
                                   say of itself before the step, a few numbers
        gather(shared, measured) -> dict   locality "tree": what all leaves say together

    and declares with class variables its `locality` ("element": each number on its
    own; "leaf": needs a whole array; "tree": needs all leaves), the keyword arguments
    that `advance` `needs` (such as "value"), those that are trees like the parameters
    and of which `step` sees the leaf's array in `shared` (`needs_trees`, such as
    "hessian"), whether it `needs_params`, whether it `counts` (then `advance` and
    `step` see in `shared["count"]` which step this is, from 1), whether it is `batched`
    (then updates come with an axis of examples before those of their parameters, which
    `step` sums over; its locality is "tree" and it `needs_params`), whether it
    `refreshes`: does what takes longest in some steps only, in a `cond`; and whether it
    `averages`: a number c in a state of c makes it emit c, and adding a number to its
    whole past adds it to what it emits. A moving average does, and so does a maximum.

    A rule whose updates grow in proportion to the gradients says 1 in `degree`, and a
    rule that is free of their scale says 0.

    A random key that `shared` holds is another one for each leaf where `step` sees it.

    Reference:
        adamx's own; the idea of lifting an array rule to trees is that of jax's
        example optimizers.

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
    batched: ClassVar[bool] = False
    refreshes: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    def slots(self, param: Array) -> Slots:
        """The arrays to keep for `param`, by name, as they are before any step."""
        return {}

    def stacks(self) -> Stacked:
        """How leaves of equal shape and dtype are stacked to share one `step`, if so.

        That copies them, and is worth it where a step is long and its program large:
        products of matrices.
        """
        return None

    def degree(self) -> int | None:
        """Return k if c times all gradients makes cᵏ times all updates, for any c > 0.

        1 for a rule that is linear in c, as an average; 0 for a rule that is free of
        scale, as a sign; None, the default, for neither.
        """
        return None

    def shared(self) -> Shared:
        """The scalars to keep once for all leaves, by name."""
        return {}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        """The next `shared`; `extra` holds what the class says it `needs`.

        Names that `shared()` does not begin with are seen by `step`, and not kept.
        """
        return shared

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> PyTree:
        """What `gather` is to know of a leaf: small arrays, of the same shapes always.

        The leaf may be an empty one: where there is none, it stands for all.
        """
        raise NotImplementedError(f"{type(self).__name__}.measure")

    def gather(self, shared: Shared, measured: Any) -> Shared:
        """`shared`, with what can only be known from all leaves; as `advance` does.

        `measured` is what `measure` returned, with a first axis of leaves.
        """
        raise NotImplementedError(f"{type(self).__name__}.gather")

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        """The update made of `g`, and the next `slots`."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    # From here on: what the library calls. Composite rules override these.

    def parts(self) -> tuple[tuple[str, "Rule"], ...]:
        """The rules this one is composed of, by the name of their state."""
        return ()

    def start(self) -> Shared:
        """The first `shared`, with the count and values of scheduled fields in it."""
        values = self._scheduled(jnp.zeros((), jnp.int32))
        counted = {"count": jnp.zeros((), jnp.int32)} if values or self.counts else {}
        return {**counted, **values, **self.shared()}

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> "Live":
        """Advance what is shared, and make the rule to use in this step."""
        count = shared.get("count")
        values = {} if count is None else self._scheduled(count)
        mine = {k: v for k, v in shared.items() if k != "count" and k not in values}
        rule = replace(self, **values)
        next_ = {} if count is None else {"count": next_count(count)}
        if self.counts:
            mine |= next_
        mine = rule.advance(mine, **{name: extra[name] for name in self.needs})
        view = {**mine, **{name: PerLeaf(name) for name in self.needs_trees}}
        kept = {k: v for k, v in mine.items() if k in shared}
        return Live(rule, 1.0, {**next_, **values, **kept}, view)

    def _scheduled(self, count: Array) -> dict[str, Array]:
        fields = vars(self).items()
        return {k: v(count) for k, v in fields if isinstance(v, Schedule)}


class PerLeaf:
    """Stands in what `step` sees for the leaf's part of an argument of update."""

    def __init__(self, name: str) -> None:
        self.name = name


class Live(NamedTuple):
    """A rule as it acts in one step.

    What it emits is to be multiplied by `gain`, one scalar for all leaves. Carrying it
    outside lets a whole chain end in a single multiplication by the product of its
    learning rate and bias corrections.
    """

    rule: Rule
    gain: Scalar
    shared: Shared
    view: Shared
    """The part of `shared` that `step` sees."""


class Ready(Rule):
    """A rule that has ticked already, because all leaves had to be seen in between."""

    live: Live

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        return self.live


class Identity(Rule):
    """Emits what comes in."""

    averages = True

    def degree(self) -> int | None:
        return 1

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        return g, slots


class Gain(Identity):
    """Multiplies by one scalar for all leaves, which `factor` makes of the fields."""

    averages = False

    def factor(self) -> Scalar:
        """The scalar, of fields that hold the numbers in use."""
        raise NotImplementedError(f"{type(self).__name__}.factor")

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> "Live":
        live = super().tick(shared, extra)
        assert isinstance(live.rule, Gain)
        return live._replace(rule=Identity(), gain=live.rule.factor())


class Scale(Gain):
    """Multiplies by a number that is there already."""

    step_size: Rate

    def factor(self) -> Scalar:
        return self.step_size


class Scaled(Rule):
    """A rule whose gain has to be applied, because what follows is not linear."""

    rule: Rule
    factor: Scalar

    @staticmethod
    def of(rule: Rule, gain: Scalar) -> Rule:
        """`rule` times `gain`, which is left out where it is known to be one."""
        return rule if is_one(gain) else Scaled(rule, gain)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        u, slots = self.rule.step(g, slots, shared, param)
        return u * self.factor, slots


class Series(Rule):
    """Rules one after the other: again a rule, one function for the whole chain."""

    rules: tuple[tuple[str, Rule], ...]

    def degree(self) -> int | None:
        return chained(rule.degree() for _, rule in self.rules)

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return self.rules

    def slots(self, param: Array) -> Slots:
        return _filled({name: rule.slots(param) for name, rule in self.rules})

    def start(self) -> Shared:
        return _filled({name: rule.start() for name, rule in self.rules})

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        live, gain, next_, view = [], 1.0, {}, {}
        for name, rule in self.rules:
            part = rule.tick(shared.get(name, {}), extra)
            if type(part.rule) is not Identity:
                if not is_one(gain):
                    live.append((f"gain before {name}", Scaled(Identity(), gain)))
                    gain = 1.0
                live.append((name, part.rule))
            gain = gain * part.gain
            next_[name], view[name] = part.shared, part.view
        rule = Series(tuple(live)) if live else Identity()
        return Live(rule, gain, _filled(next_), _filled(view))

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        new = {}
        for name, rule in self.rules:
            mine = slots.get(name, {}), shared.get(name, {})
            g, new[name] = rule.step(g, *mine, param)
        return g, _filled(new)


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


def is_one(gain: Scalar) -> bool:
    """Whether multiplying by `gain` is known to change nothing."""
    return isinstance(gain, float) and gain == 1.0


def walk(name: str, rule: Rule) -> Iterator[tuple[str, Rule]]:
    """`rule` and all rules inside it, each with its name."""
    yield name, rule
    for inner in rule.parts():
        yield from walk(*inner)


def locality(rule: Rule) -> Locality:
    """How far `rule` has to see: the widest of its parts."""
    return widest(part.locality for _, part in walk("", rule))


def widest(found: Iterable[Locality]) -> Locality:
    """The one of these, at least one, that sees farthest."""
    return max(found, key=("element", "leaf", "tree").index)


def _filled(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if value}
