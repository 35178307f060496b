"""Pytrees: key paths, masks, leaves, and states read by name."""
