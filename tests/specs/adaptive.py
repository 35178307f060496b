"""Adagrad to RAdam: rates for each number, signs, and Adam's next of kin."""

from tests.spec import Spec

SPECS: list[Spec] = []
