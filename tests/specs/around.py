"""Wrappers and averages of parameters."""

from tests.spec import Spec

SPECS: list[Spec] = []
