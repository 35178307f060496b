"""Averages of gradients and of parameters."""
