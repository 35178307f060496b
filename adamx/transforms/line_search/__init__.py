"""Searches along a line, and L-BFGS."""
