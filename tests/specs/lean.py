"""Less memory than Adam: factored and shared second moments."""

from tests.spec import Spec

SPECS: list[Spec] = []
