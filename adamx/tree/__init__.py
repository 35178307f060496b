"""Pytrees: key paths and norms."""
