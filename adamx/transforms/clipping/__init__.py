"""Bounds on what comes in."""
