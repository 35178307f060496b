"""Parallel: every branch sees the same updates, and `join` makes one of them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from adamx.core.node import Node
from adamx.core.rule import Identity, Live, Rule, Scaled, Series, locality
from adamx.core.transform import TransformLike, as_transform, lift, transform
from adamx.errors import TransformError
from adamx.execution.plan import Plan, distinct
from adamx.hyperparameters.user_code import user_code
from adamx.tree.callables import wanted
from adamx.tree.paths import flatten
from adamx.tree.record import Record, replace
from adamx.types import Array, Params, Scalar, Shared, Slots, Updates

Join: TypeAlias = Callable[..., Array]
"""From the branches' outputs, by keyword, to one array. If it is a `Rule` that can be
called, its fields are hyperparameters and may be scheduled."""


class Fed(Record):
    """A branch that is given what `source` makes; see `fed`."""

    source: Join
    tx: TransformLike | None


def fed(source: Join, tx: TransformLike | None = None) -> Fed:
    """Make a branch of a fork that is given something else than the fork's updates.

    Args:
        source: from arrays by keyword to one array: `updates`, which are those of the
            fork, and what branches before this one emit, by their names. If it is a
            `Rule` that can be called, its fields are hyperparameters.
        tx: the transform of that; the identity by default.

    Returns:
        The branch, for `fork`; it is no transform by itself.

    Raises:
        TransformError: (by `fork`) an argument of `source` is no branch before it.

    Reference:
        adamx's own; the moment of AdaBelief, which is that of g − μ, is its occasion:
        Zhuang et al., 2020, arXiv:2010.07468.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> away = adamx.fed(lambda updates, mean: updates - mean)
        >>> mean = adamx.scale_by_momentum(0.75)
        >>> tx = adamx.fork(lambda away: away, mean=mean, away=away)
        >>> float(tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0])
        3.0
    """
    return Fed(source, tx)


Feeds: TypeAlias = tuple[tuple[str, Join, tuple[str, ...]], ...]
"""The branches that are fed, each with its source and what that is made of."""


class Fork(Rule):
    """Rules in parallel: again a rule."""

    join: Join
    branches: tuple[tuple[str, Rule], ...]
    feeds: Feeds = ()

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        sources = ((_source(name), source) for name, source, _ in self.feeds)
        callables = (("join", self.join), *sources)
        rules = tuple((n, rule) for n, rule in callables if isinstance(rule, Rule))
        return (*self.branches, *rules)

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
            ends = _ends(self, gains)
            join, gain = join.fold(**ends)  # pyright: ignore
            gains |= dict.fromkeys(ends, 1.0)
        branches = tuple((n, Scaled.of(ticked[n].rule, g)) for n, g in gains.items())
        feeds = _ticked(self.feeds, ticked)
        rule = replace(self, join=join, branches=branches, feeds=feeds)
        next_ = {n: live.shared for n, live in ticked.items() if live.shared}
        view = {n: live.view for n, live in ticked.items() if live.view}
        return Live(rule, gain, next_, view)

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        feeds, outs, new = _by_name(self.feeds), {UPDATES: g}, {}
        for name, rule in self.branches:
            mine = slots.get(name, {}), shared.get(name, {})
            outs[name], kept = rule.step(_input(feeds, name, outs), *mine, param)
            if kept:
                new[name] = kept
        return _called(self.join, _ends(self, outs)), new


UPDATES = "updates"
"""How a source calls what the fork is given."""


def _source(name: str) -> str:
    """How the source of a branch is called among the parts of its fork."""
    return f"source of {name}"


def _ticked(feeds: Feeds, live: Mapping[str, Live]) -> Feeds:
    """The feeds, with sources that are rules as they act in this step."""
    rules = {name: one.rule for name, one in live.items()}
    return tuple((n, rules.get(_source(n), by), names) for n, by, names in feeds)  # pyright: ignore


def _by_name(feeds: Feeds) -> dict[str, tuple[Join, tuple[str, ...]]]:
    return {name: (source, names) for name, source, names in feeds}


def _input(
    feeds: dict[str, tuple[Join, tuple[str, ...]]], name: str, outs: dict[str, Array]
) -> Array:
    if name not in feeds:
        return outs[UPDATES]
    source, names = feeds[name]
    return _called(source, {n: outs[n] for n in names})


def _called(join: Join, outs: Mapping[str, Any]) -> Array:
    """Return what `join` makes of these outputs."""
    if isinstance(join, Rule):
        return join(**outs)  # pyright: ignore
    with user_code("join, or as a source", "fork"):
        return join(**outs)


def _ends(fork: "Fork | TreeFork", of: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of those branches that no other is fed with: they are joined."""
    eaten = {name for _, _, names in fork.feeds for name in names}
    return {name: of[name] for name, _ in fork.branches if name not in eaten}


class TreeFork(Node):
    """Branches that are not all rules, or that need the whole tree."""

    name: str
    join: Join
    branches: tuple[tuple[str, Plan], ...]
    feeds: Feeds = ()

    def plans(self) -> tuple[Plan, ...]:
        return tuple(plan for _, plan in self.branches)

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        return {name: (plan, params) for name, plan in self.branches}

    def init(self, params: Params) -> dict[str, Any]:
        states = {name: plan.init(params) for name, plan in self.branches}
        states |= {name: rule.start() for name, rule in self._callables()}
        states = {k: v for k, v in states.items() if v}
        return {self.name: states} if states else {}

    def _callables(self) -> tuple[tuple[str, Rule], ...]:
        """Join and sources, as far as they are rules."""
        return Fork(self.join, (), self.feeds).parts()

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        mine = state.get(self.name, {})
        live = {n: r.tick(mine.get(n, {}), extra) for n, r in self._callables()}
        new = {name: one.shared for name, one in live.items()}
        join: Any = live["join"].rule if "join" in live else self.join
        feeds = _by_name(_ticked(self.feeds, live))
        leaves, treedef = flatten(updates)
        outs: dict[str, Any] = {UPDATES: leaves}
        for name, plan in self.branches:
            given = updates
            if name in feeds:
                source, names = feeds[name]
                given = treedef.unflatten(_by_leaf(source, {n: outs[n] for n in names}))
            out, new[name] = plan.apply(given, mine.get(name, {}), params, extra)
            outs[name], treedef = flatten(out)
        new = {k: v for k, v in new.items() if v}
        joined = treedef.unflatten(_by_leaf(join, _ends(self, outs)))
        return joined, {self.name: new} if new else {}


def _by_leaf(join: Join, outs: Mapping[str, Any]) -> list[Array | None]:
    return [
        None if leaf[0] is None else _called(join, dict(zip(outs, leaf, strict=True)))
        for leaf in zip(*outs.values(), strict=True)
    ]


@transform
def fork(join: Join, **branches: TransformLike | Fed) -> Rule | Node:
    """Give the same updates to every branch, and join what they emit leaf by leaf.

    u = join(a=a(g), b=b(g), …)

    A branch made by `fed` is given something else: what its source makes of g and of
    branches before it. Those are then not joined, having served their end.

    Args:
        join: from one array of each branch, by keyword, to one array of the same
            shape. Elementwise, unless all branches are of locality "leaf".
        **branches: transforms, by the name that their state gets.

    Returns:
        The transform; its state is `{"fork": {branch: state}}`. Branches that are
        rules are applied together in one function of a leaf.

    Raises:
        TransformError: a branch is no transform, or is fed with what there is not.

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


def forked(
    name: str, join: Join, branches: Mapping[str, TransformLike | Fed]
) -> Rule | Node:
    """What `fork` does, under another name: one rule where the branches allow it."""
    plans, feeds = {}, []
    for label, branch in branches.items():
        if isinstance(branch, Fed):
            wants, known = wanted(branch.source), (UPDATES, *plans)
            if wants.missing(known):
                raise TransformError(
                    f"{name} has nothing to feed {label!r} with",
                    piece=repr(branch.source),
                    expected=f"arguments among {sorted(known)}",
                    got=", ".join(wants.names),
                )
            feeds.append((label, branch.source, wants.taken(known)))
            branch = lift(Identity()) if branch.tx is None else branch.tx
        plans[label] = as_transform(branch).plan
    series = {label: as_rule(plan) for label, plan in plans.items()}
    if all(rule is not None for rule in series.values()):
        return Fork(join, tuple(series.items()), tuple(feeds))  # pyright: ignore
    return TreeFork(name, join, tuple(plans.items()), tuple(feeds))


def as_rule(plan: Plan) -> Series | None:
    """The whole plan as one rule, or None if it is more than that."""
    pieces = distinct(plan.pieces)
    rules = tuple((n, p) for n, p in pieces if isinstance(p, Rule))
    series = Series(rules)
    if len(rules) < len(plan.pieces) or locality(series) == "tree":
        return None
    return series
