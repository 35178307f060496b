"""Curvature, loss values and noise: what needs more than the gradient."""

from tests.spec import Spec

SPECS: list[Spec] = []
