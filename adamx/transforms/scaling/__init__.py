"""Scaling of updates by rates, norms, shapes and signs."""
