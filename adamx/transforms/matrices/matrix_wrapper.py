"""What rules have in common that let another rule see matrices in some other way."""

from adamx.core.rule import Stacked
from adamx.core.rule_wrapper import RuleWrapper


class MatrixWrapper(RuleWrapper):
    """A rule around one for matrices, whose leaves may be stacked."""

    locality = "leaf"

    stacked: Stacked

    def stacks(self) -> Stacked:
        return self.stacked
