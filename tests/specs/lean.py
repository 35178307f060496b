"""Less memory, and no learning rate: factored moments, parameter-free methods."""

from tests.spec import Spec

SPECS: list[Spec] = []
