"""First-order and adaptive optimizers that the first hour left out."""

from tests.spec import Spec

SPECS: list[Spec] = []
