"""Transforms over a transform: they own time, or the parameters."""
