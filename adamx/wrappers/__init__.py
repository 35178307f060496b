"""Transforms around a transform, which decide when it steps, or where."""
