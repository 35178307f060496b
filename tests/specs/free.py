"""No learning rate to tune: distances, coins and mechanics."""

from tests.spec import Spec

SPECS: list[Spec] = []
