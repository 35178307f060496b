"""Gradients of each example."""
