"""Multiplication: by rates, norms, shapes and signs."""
