"""Parallel branches: each gets the same updates, and `join` combines their outputs."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from adamx.core.rule import Identity, OverLeaves, Rule, Series, locality
from adamx.core.transform import TransformLike, as_transform, lift, transform
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.execution.plan import Plan, distinct
from adamx.hyperparameters.user_code import user_code
from adamx.tree.callables import wanted
from adamx.tree.paths import flatten
from adamx.tree.pytree_dataclass import PytreeDataclass, replace
from adamx.types import Array, Param, Params, Shared, Slots, StepResult, Updates

Join: TypeAlias = Callable[..., Array]
"""A function from the branches' outputs, passed by keyword, to one array. The fields of
a callable `Rule` are hyperparameters and may be scheduled."""


class WithInput(PytreeDataclass):
    """A branch whose input is the result of `source`; see `with_input`."""

    source: Join
    tx: TransformLike | None


def with_input(source: Join, tx: TransformLike | None = None) -> WithInput:
    """Make a branch of a fork with another input than the fork's updates.

    Args:
        source: a function that returns one array. Its arguments are `updates`, the
            fork's updates, and names of earlier branches, for their outputs. The fields
            of a callable `Rule` are hyperparameters.
        tx: the transform to apply to this input; the identity by default.

    Returns:
        The branch, for `fork`; it is not a transform.

    Raises:
        TransformError: (by `fork`) an argument of `source` is neither `updates` nor an
            earlier branch.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> away = adamx.with_input(lambda updates, mean: updates - mean)
        >>> mean = adamx.scale_by_momentum(0.75)
        >>> tx = adamx.fork(lambda away: away, mean=mean, away=away)
        >>> float(tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0])
        3.0
    """
    return WithInput(source, tx)


Feeds: TypeAlias = tuple[tuple[str, Join, tuple[str, ...]], ...]
"""For each branch made by `with_input`: name, source, and arguments of the source."""


class Fork(Rule):
    """Rules in parallel, as one rule."""

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

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        return Series(self.parts()).advance_all(shared, extra, over_leaves)

    def for_leaf(
        self, path: str, shape: tuple[int, ...], where: Callable[[], str]
    ) -> "Fork":
        branches = Series(self.branches).for_leaf(path, shape, where).rules
        return replace(self, branches=branches)

    def resolve(self, shared: Shared) -> "Fork":
        parts = {name: rule.resolve(shared[name]) for name, rule in self.parts()}
        branches = tuple((name, parts[name]) for name, _ in self.branches)
        join, feeds = _resolved(self.join, self.feeds, parts)
        return replace(self, join=join, branches=branches, feeds=feeds)

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        feeds = {name: (source, names) for name, source, names in self.feeds}
        outs, new = {UPDATES: g}, {}
        for name, rule in self.branches:
            seen = g
            if name in feeds:
                source, names = feeds[name]
                seen = _called(source, {n: outs[n] for n in names})
            mine = slots.get(name, {}), shared.get(name, {})
            outs[name], kept = rule.step(seen, *mine, param)
            if kept:
                new[name] = kept
        return _called(self.join, _ends(self, outs)), new


UPDATES = "updates"
"""The argument of a source that receives the updates of the fork."""


def _source(name: str) -> str:
    """Return the name that a branch's source has among the parts of the fork."""
    return f"source of {name}"


def _resolved(join: Join, feeds: Feeds, parts: Mapping[str, Any]) -> tuple[Join, Feeds]:
    """Return join and sources, with their rules replaced by the resolved `parts`."""
    sources = ((n, parts.get(_source(n), by), names) for n, by, names in feeds)
    return parts.get("join", join), tuple(sources)


def _no_leaves(*_: Any) -> Any:
    """Raise an error, because a join acts on one leaf at a time."""
    raise NotImplementedError("a join of locality 'tree'")


def _called(join: Join, outs: Mapping[str, Any]) -> Array:
    """Call `join` with these outputs."""
    if isinstance(join, Rule):
        return join(**outs)  # pyright: ignore
    with user_code("join, or as a source", "fork"):
        return join(**outs)


def _ends(fork: "Fork | TreeFork", of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs to join: the outputs that feed no other branch."""
    eaten = {name for _, _, names in fork.feeds for name in names}
    return {name: of[name] for name, _ in fork.branches if name not in eaten}


class TreeFork(TreeTransform):
    """A fork with a branch that is not a rule, or that needs the whole tree."""

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
        """Return the rules among the join and the sources, by name."""
        return Fork(self.join, (), self.feeds).parts()

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        mine = state.get(self.name, {})
        series = Series(self._callables())
        new = series.advance_all(mine, extra, _no_leaves)
        parts = dict(series.resolve(new).rules)
        join, feeds = _resolved(self.join, self.feeds, parts)
        sources = {name: (source, names) for name, source, names in feeds}
        leaves, treedef = flatten(updates)
        outs: dict[str, Any] = {UPDATES: leaves}
        for name, plan in self.branches:
            given = updates
            if name in sources:
                source, names = sources[name]
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
def fork(join: Join, **branches: TransformLike | WithInput) -> Rule | TreeTransform:
    """Apply every branch to the same updates, and join the outputs leaf by leaf.

    u = join(a=a(g), b=b(g), …)

    A branch made by `with_input` gets another input, which its source computes from g
    and the outputs of earlier branches. Outputs that feed a branch are not joined.

    Args:
        join: from one array of each branch, by keyword, to one array of the same
            shape. It must be elementwise unless all branches have locality "leaf".
        **branches: transforms, by the name of their state.

    Returns:
        The transform; its state is `{"fork": {branch: state}}`. If all branches are
        rules, they run as one function of a leaf.

    Raises:
        TransformError: a branch is not a transform, or the source of a branch has an
            argument that is neither `updates` nor an earlier branch.

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
    name: str, join: Join, branches: Mapping[str, TransformLike | WithInput]
) -> Rule | TreeTransform:
    """Build a fork under another name: one rule if all branches are rules."""
    plans, feeds = {}, []
    for label, branch in branches.items():
        if isinstance(branch, WithInput):
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
    """Return the plan as one rule; None if a piece is no rule or needs all leaves."""
    pieces = distinct(plan.pieces)
    rules = tuple((n, p) for n, p in pieces if isinstance(p, Rule))
    series = Series(rules)
    if len(rules) < len(plan.pieces) or locality(series) == "tree":
        return None
    return series
