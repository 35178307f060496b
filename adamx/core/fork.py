"""Parallel: every branch sees the same updates, and `join` makes one of them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from adamx.core.errors import TransformError
from adamx.core.node import Node
from adamx.core.plan import Plan, distinct
from adamx.core.record import replace
from adamx.core.rule import Live, Rule, Scaled, Series, locality
from adamx.core.transform import TransformLike, as_transform, transform
from adamx.core.types import Array, Params, Scalar, Shared, Slots, Updates
from adamx.tree.paths import flatten

Join: TypeAlias = Callable[..., Array]
"""From the branches' outputs, by keyword, to one array. If it is a `Rule` that can be
called, its fields are hyperparameters and may be scheduled."""


class Fork(Rule):
    """Rules in parallel: again a rule."""

    join: Join
    branches: tuple[tuple[str, Rule], ...]

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        joins = (("join", self.join),) if isinstance(self.join, Rule) else ()
        return (*self.branches, *joins)

    def slots(self, param: Array) -> Slots:
        return Series(self.branches).slots(param)

    def start(self) -> Shared:
        return Series(self.parts()).start()

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        ticked = {n: r.tick(shared.get(n, {}), extra) for n, r in self.parts()}
        gains = {name: ticked[name].gain for name, _ in self.branches}
        join = ticked["join"].rule if "join" in ticked else self.join
        gain: Scalar = 1.0
        if hasattr(join, "fold"):
            join, gain = join.fold(**gains)  # pyright: ignore
            gains = dict.fromkeys(gains, 1.0)
        branches = tuple((n, Scaled.of(ticked[n].rule, g)) for n, g in gains.items())
        rule = replace(self, join=join, branches=branches)
        next_ = {n: live.shared for n, live in ticked.items() if live.shared}
        view = {n: live.view for n, live in ticked.items() if live.view}
        return Live(rule, gain, next_, view)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        outs, new = self.emitted(g, slots, shared, param)
        return self.join(**outs), new

    def emitted(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[dict[str, Array], Slots]:
        """What each branch makes of `g`, and the next slots."""
        outs, new = {}, {}
        for name, rule in self.branches:
            mine = slots.get(name, {}), shared.get(name, {})
            outs[name], kept = rule.step(g, *mine, param)
            if kept:
                new[name] = kept
        return outs, new


class TreeFork(Node):
    """Branches that are not all rules, or that need the whole tree."""

    name: str
    join: Join
    branches: tuple[tuple[str, Plan], ...]

    def plans(self) -> tuple[Plan, ...]:
        return tuple(plan for _, plan in self.branches)

    def init(self, params: Params) -> dict[str, Any]:
        states = {name: plan.init(params) for name, plan in self.branches}
        joins = self.join.start() if isinstance(self.join, Rule) else {}
        states = {k: v for k, v in {**states, "join": joins}.items() if v}
        return {self.name: states} if states else {}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        mine = state.get(self.name, {})
        outs, new, join = {}, {}, self.join
        if isinstance(join, Rule):
            live = join.tick(mine.get("join", {}), extra)
            join, new["join"] = live.rule, live.shared
        for name, plan in self.branches:
            out, new[name] = plan.apply(updates, mine.get(name, {}), params, extra)
            outs[name], treedef = flatten(out)
        joined = [
            None if leaf[0] is None else join(**dict(zip(outs, leaf, strict=True)))  # pyright: ignore
            for leaf in zip(*outs.values(), strict=True)
        ]
        new = {k: v for k, v in new.items() if v}
        return treedef.unflatten(joined), {self.name: new} if new else {}  # pyright: ignore


@transform
def fork(join: Join, **branches: TransformLike) -> Rule | Node:
    """Give the same updates to every branch, and join what they emit leaf by leaf.

    u = join(a=a(g), b=b(g), …)

    Args:
        join: from one array of each branch, by keyword, to one array of the same
            shape. Elementwise, unless all branches are of locality "leaf".
        **branches: transforms, by the name that their state gets.

    Returns:
        The transform; its state is `{"fork": {branch: state}}`. Branches that are
        rules are applied together in one function of a leaf.

    Raises:
        TransformError: a branch is no transform.

    Reference:
        adamx's own; the numerator and denominator of Kingma & Ba, "Adam", 2015,
        arXiv:1412.6980, are its occasion.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.fork(lambda a, b: a + b, a=adamx.identity(), b=adamx.scale(2.0))
        >>> params = {"w": jnp.array(1.0)}
        >>> updates, _ = tx.update(params, tx.init(params))
        >>> float(updates["w"])
        3.0
    """
    return forked("fork", join, branches)


def forked(name: str, join: Join, branches: Mapping[str, TransformLike]) -> Rule | Node:
    """What `fork` does, under another name: one rule where the branches allow it."""
    plans = {label: as_transform(tx).plan for label, tx in branches.items()}
    series = {label: as_rule(plan) for label, plan in plans.items()}
    if all(rule is not None for rule in series.values()):
        return Fork(join, tuple(series.items()))  # pyright: ignore
    return TreeFork(name, join, tuple(plans.items()))


def ratio_of(piece: str, tx: TransformLike) -> Fork:
    """The fork of a moment and a numerator that `tx` is.

    Raises:
        TransformError: `tx` is something else; `piece` is who asks.
    """
    rule = as_rule(as_transform(tx).plan)
    forks = [part for _, part in rule.rules] if rule else []
    if len(forks) == 1 and type(forks[0]) is Fork:
        fork = forks[0]
        if {"moment", "numerator"} == dict(fork.branches).keys():
            return fork
    raise TransformError(
        f"{piece} needs a ratio",
        piece=repr(tx),
        expected="a transform made by scale_by_second_moment",
        got="another",
    )


def as_rule(plan: Plan) -> Series | None:
    """The whole plan as one rule, or None if it is more than that."""
    pieces = distinct(plan.pieces)
    rules = tuple((n, p) for n, p in pieces if isinstance(p, Rule))
    series = Series(rules)
    if len(rules) < len(plan.pieces) or locality(series) == "tree":
        return None
    return series
