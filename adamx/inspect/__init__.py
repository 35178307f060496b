"""Inspection: the pieces of a transform, its state, and what a step did."""
