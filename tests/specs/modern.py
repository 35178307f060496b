"""What came after Adam: better moments, trust ratios, wrappers."""

from tests.spec import Spec

SPECS: list[Spec] = []
