"""Arithmetic on one array: dtypes, safe functions, norms, random keys."""
