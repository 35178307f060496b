"""Transforms, rules, and what puts them together."""
