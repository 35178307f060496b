"""Transforms and rules, and their combinators."""
