"""A rule around another one, that lets it see its array in some other way."""

from collections.abc import Mapping
from typing import Any

from adamx.core.fork import as_rule
from adamx.core.rule import Live, Rule, Stacked
from adamx.core.transform import TransformLike, as_transform
from adamx.errors import TransformError
from adamx.tree.record import replace
from adamx.types import Shared


class Around(Rule):
    """Has `inner` take part in its steps; a subclass writes `slots` and `step`.

    What `inner` shares stands under its name, in the state and in what `step` sees.
    What it emits is multiplied by its gain outside, so `step` is to be linear in that.
    """

    locality = "leaf"
    counts = True

    inner: Rule
    stacked: Stacked

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return self.inner.parts()

    def stacks(self) -> Stacked:
        return self.stacked

    def start(self) -> Shared:
        inner = self.inner.start()
        return {**super().start(), **({"inner": inner} if inner else {})}

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        before = shared.get("inner", {})
        inner = self.inner.tick(before, extra)
        mine = {name: x for name, x in shared.items() if name != "inner"}
        live = super().tick(mine, extra)
        kept = self.kept(live.view, before, inner.shared)
        return Live(
            replace(live.rule, inner=inner.rule),
            inner.gain,
            {**live.shared, **({"inner": kept} if kept else {})},
            {**live.view, "inner": inner.view},
        )

    def kept(self, shared: Shared, before: Shared, after: Shared) -> Shared:
        """What `inner` shares from now on, of what it did before and does after."""
        return after


def rule_inside(name: str, inner: TransformLike) -> Rule:
    """The rule that `inner` is, for the piece of this name to have inside.

    Raises:
        TransformError: it is more than one.
    """
    rule = as_rule(as_transform(inner).plan)
    if rule is None:
        raise TransformError(
            f"{name} needs a transform of single arrays",
            piece=repr(inner),
            expected="rules of locality 'element' or 'leaf'",
            got="a foreign pair, a split, or a rule that needs the whole tree",
        )
    return rule
