"""Wrappers of a transform, which change when it steps, or at which parameters."""
