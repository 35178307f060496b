"""The base of rules that apply another rule to a transformed matrix."""

from adamx.core.rule import Stacked
from adamx.core.rule_wrapper import RuleWrapper


class MatrixWrapper(RuleWrapper):
    """Base of wrappers of a rule for matrices; leaves of equal shape may be stacked."""

    locality = "leaf"

    stacked: Stacked

    def stacks(self) -> Stacked:
        return self.stacked
