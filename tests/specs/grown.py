"""Optimizers that change the gradient before the moments, and games."""

from tests.spec import Spec

SPECS: list[Spec] = []
