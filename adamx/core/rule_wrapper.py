"""Rules that apply an inner rule to another form of the array."""

from collections.abc import Callable, Mapping
from typing import Any

from adamx.core.fork import as_rule
from adamx.core.rule import OverLeaves, Rule, iter_rules
from adamx.core.transform import TransformLike, as_transform
from adamx.errors import TransformError
from adamx.tree.pytree_dataclass import replace
from adamx.types import Array, Shared, Slots


class RuleWrapper(Rule):
    """Base of rules that reshape, rotate, decode or cut a leaf for the rule `inner`.

    A subclass overrides `step`, and `slots` if `inner` needs other slots than for the
    leaf itself. In the state, its entries are beside the entries of the inner rules.
    """

    inner: Rule

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return self.inner.parts()

    def slots(self, param: Array) -> Slots:
        return self.inner.slots(param)

    def start(self) -> Shared:
        return {**super().start(), **self.inner.start()}

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        inner = self.inner.advance_all(shared, extra, over_leaves)
        return {**super().advance_all(shared, extra, over_leaves), **inner}

    def for_leaf(
        self, path: str, shape: tuple[int, ...], where: Callable[[], str]
    ) -> Rule:
        return replace(self, inner=self.inner.for_leaf(path, shape, where))

    def resolve(self, shared: Shared) -> Rule:
        return replace(super().resolve(shared), inner=self.inner.resolve(shared))


def rule_inside(name: str, inner: TransformLike, *, same_shape: bool = True) -> Rule:
    """Return `inner` as one rule, for use inside the piece `name`.

    A rule that depends on the path of a leaf also depends on its shape, so it is
    refused unless it gets arrays of the `same_shape`.

    Raises:
        TransformError: `inner` is not made of rules of single arrays, or is refused.
    """
    rule = as_rule(as_transform(inner).plan)
    by_path = rule and any(r.needs_path for _, r in iter_rules(name, rule))
    if by_path and not same_shape:
        raise TransformError(
            f"{name} needs a transform that does not depend on paths",
            piece=repr(inner),
            expected="rules without a view, such as scale_by_adam",
            hint=f"put the view around it, as in as_matrices({name}(…))",
        )
    if rule is None:
        raise TransformError(
            f"{name} needs a transform of single arrays",
            piece=repr(inner),
            expected="rules of locality 'element' or 'leaf'",
            got="a foreign pair, a split, or a rule that needs the whole tree",
        )
    return rule
