"""Aggregation of the gradients of single examples."""
