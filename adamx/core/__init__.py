"""Transforms, rules, and how they are put together."""
