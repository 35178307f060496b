"""Tests of Optax 0.2.8 that fail with `adamx.optax` in Optax's place, and the cause."""

KNOWN: list[tuple[str, str]] = []
"""A cause, and a regular expression for the names of the tests that fail by it."""
